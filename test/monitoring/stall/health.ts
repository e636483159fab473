/** The health row as a person who has it open sees it: its own queries, its own thresholds, of one job. */
import { readFileSync } from 'node:fs'
import { fileOf } from '../../../grafana/generate.ts'
import type { PrometheusApi } from '../api.ts'
import { filled } from '../queries.ts'

interface Panel {
  readonly title: string
  readonly type: string
  readonly targets?: readonly { readonly expr: string; readonly instant?: boolean }[]
  readonly fieldConfig?: { readonly defaults: { readonly thresholds?: { readonly steps: readonly Step[] } } }
}

interface Step {
  readonly value: number | null
  readonly color: string
}

/** Whatever stands between the first row's title and the second's. */
const PANELS = (JSON.parse(readFileSync(fileOf('en'), 'utf8')) as { panels: readonly Panel[] }).panels
const ROW = PANELS.slice(
  1,
  PANELS.findIndex(({ type }, i) => i > 0 && type === 'row'),
)

/** Panels of the health row that tell whether it goes on at all. A query of a range would answer as of up to a step ago. */
export const HEALTH = ['Tables that stand still', 'Oldest row'] as const

/** Titles of the panels that are red now. @throws where a panel that tells how things are now asks for a range */
export async function redPanels(prometheus: PrometheusApi, job: string, time: number): Promise<string[]> {
  const red = await Promise.all(
    ROW.map(async (panel) => {
      const [target] = panel.targets ?? []
      if (target === undefined) throw new Error(`${panel.title} asks nothing`)
      if (HEALTH.some((title) => title === panel.title) && target.instant !== true)
        throw new Error(`${panel.title} asks for a range, whose end may be minutes old`)
      const [sample] = await prometheus.query(filled(target.expr, { $job: job }), time)
      return sample !== undefined && colourOf(panel, sample.value) === 'red' ? [panel.title] : []
    }),
  )
  return red.flat()
}

function colourOf({ fieldConfig }: Panel, value: number): string | undefined {
  const steps = fieldConfig?.defaults.thresholds?.steps ?? []
  return steps.filter((step) => value >= (step.value ?? Number.NEGATIVE_INFINITY)).at(-1)?.color
}
