/** The dashboard: its sections in the order of reading, its variables and links. */
import * as model from '@grafana/grafana-foundation-sdk/dashboard'
import { ALL_METRICS } from '../src/telemetry/metrics/source-catalogue.ts'
import { annotations } from './annotations.ts'
import { topLinks } from './links.ts'
import { type Histograms, nativeSection } from './native.ts'
import { panelOf } from './panels.ts'
import { accounts } from './sections/accounts.ts'
import { databases } from './sections/databases.ts'
import { executor } from './sections/executor.ts'
import { failures } from './sections/failures.ts'
import { health } from './sections/health.ts'
import { processes } from './sections/processes.ts'
import { sources } from './sections/sources.ts'
import { stages } from './sections/stages.ts'
import { tables } from './sections/tables.ts'
import { throughput } from './sections/throughput.ts'
import type { Language, Section, Text } from './spec.ts'
import { variables } from './variables.ts'

/** From "is it healthy" down to "why not". */
export const SECTIONS: readonly Section[] = [
  health,
  throughput,
  accounts,
  stages,
  executor,
  failures,
  sources,
  databases,
  processes,
  tables,
]

/** As links to the dashboard name it. */
export function uidOf(language: Language, histograms: Histograms): string {
  return `batchflow${histograms === 'native' ? '-native' : ''}${language === 'zh' ? '-zh' : ''}`
}

const TITLE: Text = { en: 'BatchFlow', zh: 'BatchFlow 性能监控' }
const DESCRIPTION: Text = {
  en: 'Batch writing: is it healthy, where does the time go, what is retried, what fails and why.',
  zh: '批量写入：是否健康，时间花在哪里，什么在重试，什么失败了以及原因。',
}

const NATIVE: Text = { en: ' (native histograms)', zh: '（原生直方图）' }

const COLUMNS = 24
const STAT_HEIGHT = 4
const PANEL_HEIGHT = 8

/** Grafana's model of the dashboard in one language. */
export function dashboard(language: Language, histograms: Histograms = 'classic'): model.Dashboard {
  const uid = uidOf(language, histograms)
  const native = histograms === 'native'
  const builder = new model.DashboardBuilder(TITLE[language] + (native ? NATIVE[language] : ''))
    .uid(uid)
    .description(DESCRIPTION[language])
    .tags(['batchflow', 'batchflow-otel'])
    .timezone('browser')
    .time({ from: 'now-30m', to: 'now' })
    .refresh('10s')
    .tooltip(model.DashboardCursorSync.Crosshair)
    .readonly()
    .variables(variables(language))
    .links(topLinks(language, uidOf(language === 'en' ? 'zh' : 'en', histograms)))
    .annotations(annotations(language))
  for (const section of SECTIONS) addSection(builder, native ? nativeSection(section) : section, language, uid)
  return finished(builder.build())
}

function addSection(builder: model.DashboardBuilder, section: Section, language: Language, uid: string): void {
  builder.withRow(new model.RowBuilder(section.title[language]))
  for (const spec of section.panels) {
    const height = spec.kind === 'stat' ? STAT_HEIGHT : PANEL_HEIGHT
    builder.withPanel(
      panelOf(spec, language, uid)
        .span(spec.width ?? COLUMNS / 3)
        .height(height),
    )
  }
}

/**
 * Ids by position: the same panel has the same id in both languages, so links to it survive. Links and annotations stay in
 * sight at the top, where the builders would put them into a menu.
 */
function finished(built: model.Dashboard): model.Dashboard {
  built.panels?.forEach((panel, i) => {
    panel.id = i + 1
  })
  for (const item of [...(built.links ?? []), ...(built.annotations?.list ?? [])]) delete item.placement
  return built
}

/** Metrics of the catalogue that no panel shows. */
export function unseen(): string[] {
  const shown = SECTIONS.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries.map(({ expr }) => expr)))
  return Object.values(ALL_METRICS)
    .map((metric) => metric.name.replaceAll('.', '_'))
    .filter((name) => !shown.some((expr) => new RegExp(`\\b${name}(_total|_bucket|_sum)?{`).test(expr)))
}
