/**
 * Draws a dashboard without Grafana, to look at what its queries return:
 *
 *     npx tsx grafana/preview/main.ts --prometheus http://localhost:9090 --minutes 10 --out preview.html
 *         [--language zh] [--theme light] [--scrape 5]
 *
 * The page it writes is an approximation: sizes, units, stacking, thresholds, exemplars and annotations as Grafana would have
 * them. Legends, which Grafana lets one scroll, are there from end to end.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type * as model from '@grafana/grafana-foundation-sdk/dashboard'
import { fileOf } from '../generate.ts'
import { chart, type Panel } from './draw.ts'
import { escaped, legendOf, stat, tableOf } from './html.ts'
import { type Line, Source, type Target } from './prometheus.ts'
import { THEMES } from './theme.ts'

const { values: options } = parseArgs({
  options: {
    prometheus: { type: 'string', default: 'http://localhost:9090' },
    minutes: { type: 'string', default: '10' },
    out: { type: 'string', default: 'preview.html' },
    language: { type: 'string', default: 'en' },
    scrape: { type: 'string', default: '5' },
    theme: { type: 'string', default: 'dark' },
  },
})

const COLUMN = 58
const ROW = 34
const theme = THEMES[options.theme === 'light' ? 'light' : 'dark']
const source = new Source(options.prometheus, Number(options.minutes) * 60, Number(options.scrape))
const dashboard = JSON.parse(readFileSync(fileOf(options.language === 'zh' ? 'zh' : 'en'), 'utf8')) as {
  readonly title: string
  readonly panels: readonly Panel[]
  readonly annotations: { readonly list: readonly (model.AnnotationQuery & { expr?: string })[] }
}

/** When an annotation begins. */
async function marks(): Promise<number[]> {
  const queries = dashboard.annotations.list.filter(({ expr, enable }) => expr !== undefined && enable)
  const targets = queries.map(({ expr = '' }) => ({ expr, legendFormat: '' }))
  const lines = (await Promise.all(targets.map((target, i) => source.lines(target, i)))).flat()
  return lines.flatMap(({ points }) => points.filter(([, value]) => value > 0).map(([time]) => time))
}

async function draw(panel: Panel, annotations: readonly number[]): Promise<string> {
  const { x, y, w, h } = panel.gridPos ?? { x: 0, y: 0, w: 24, h: 1 }
  const box = `grid-column:${x + 1}/span ${w};grid-row:${rowOf(y)}`
  if (panel.type === 'row') return `<h2 style="${box}">${escaped(panel.title ?? '')}</h2>`
  const targets = (panel.targets ?? []) as unknown as readonly Target[]
  const lines = (await Promise.all(targets.map((target, i) => source.lines(target, i)))).flat()
  const dots = (
    await Promise.all(targets.filter(({ exemplar }) => exemplar).map((one) => source.exemplars(one)))
  ).flat()
  const size = { width: w * COLUMN - 24, height: (h - 1) * ROW }
  const body = drawing(panel, lines, { ...size, dots, annotations })
  return `<section style="${box};min-height:${h * ROW}px"><b>${escaped(panel.title ?? '')}</b>${body}</section>`
}

interface Extent {
  readonly width: number
  readonly height: number
  readonly dots: readonly (readonly [number, number])[]
  readonly annotations: readonly number[]
}

function drawing(panel: Panel, lines: readonly Line[], extent: Extent): string {
  if (panel.type === 'table') return tableOf(panel, lines, theme)
  if (lines.every(({ points }) => points.length === 0))
    return `<p>${escaped(panel.fieldConfig?.defaults.noValue ?? 'No data')}</p>`
  if (panel.type === 'stat') return stat(panel, lines, theme)
  const svg = chart(panel, lines, { ...extent, theme, shown: source.shown })
  return panel.type === 'heatmap' ? svg : svg + legendOf(panel, lines, theme)
}

/** Rows of the page, which are as high as what is in them. */
const TOPS = [...new Set(dashboard.panels.map(({ gridPos }) => gridPos?.y ?? 0))].sort((a, b) => a - b)

function rowOf(y: number): number {
  return TOPS.indexOf(y) + 1
}

function style(): string {
  const { page, panel, border, text, dim } = theme
  return `body{font:12px Inter,"DejaVu Sans","Noto Sans CJK SC",sans-serif;background:${page};color:${text};width:${24 * COLUMN}px}
main{display:grid;grid-template-columns:repeat(24,${COLUMN}px);gap:6px 0}
h2{margin:8px 0 0;font-size:15px}
section{background:${panel};border:1px solid ${border};margin-right:6px;padding:6px;box-sizing:border-box;overflow:hidden}
p{text-align:center;color:${dim};margin-top:3em} .stat{font-size:28px;margin-top:10px}
table{border-collapse:collapse;width:100%;margin-top:4px} td,th{border-bottom:1px solid ${border};text-align:left;padding:2px 4px}
.legend td,.legend th{border:0;font-size:10px;padding:0 4px;white-space:nowrap} .legend th{color:${dim};font-weight:normal}
.legend td:first-child{width:100%;max-width:0;overflow:hidden;text-overflow:ellipsis} .right{text-align:right}
i{display:inline-block;width:10px;height:3px;margin:0 5px 3px 0}`
}

const annotations = await marks()
const drawn = await Promise.all(dashboard.panels.map((panel) => draw(panel, annotations)))
writeFileSync(
  options.out,
  `<!doctype html><meta charset="utf-8"><style>${style()}</style><h1>${escaped(dashboard.title)}</h1><main>${drawn.join('\n')}</main>`,
)
