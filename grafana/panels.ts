import * as common from '@grafana/grafana-foundation-sdk/common'
import * as model from '@grafana/grafana-foundation-sdk/dashboard'
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap'
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
import * as stat from '@grafana/grafana-foundation-sdk/stat'
import * as table from '@grafana/grafana-foundation-sdk/table'
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'
import { ATTR } from '../src/telemetry/metrics/catalogue.ts'
import type { Language, PanelSpec, Query, Steps } from './spec.ts'
import { DATASOURCE, LABELS, variable } from './variables.ts'

type AnyPanel = timeseries.PanelBuilder | stat.PanelBuilder | heatmap.PanelBuilder | table.PanelBuilder

/** The panel that `spec` describes, without its place. */
export function panelOf(spec: PanelSpec, language: Language, uid: string): AnyPanel {
  const panel = shapeOf(spec, language, uid)
    .title(spec.title[language])
    .description(spec.description[language])
    .datasource(DATASOURCE)
    .unit(spec.unit)
    .targets(spec.queries.map((query, i) => targetOf(spec, query, i, language)))
  return spec.noValue === undefined ? panel : panel.noValue(spec.noValue[language])
}

function shapeOf(spec: PanelSpec, language: Language, uid: string): AnyPanel {
  if (spec.kind === 'stat') return statOf(spec)
  if (spec.kind === 'heatmap') return heatmapOf()
  if (spec.kind === 'table') return tableOf(spec, language, uid)
  return linesOf(spec, language, uid)
}

function targetOf(spec: PanelSpec, query: Query, index: number, language: Language): prometheus.DataqueryBuilder {
  const legend = typeof query.legend === 'string' ? query.legend : query.legend[language]
  const target = new prometheus.DataqueryBuilder()
    .datasource(DATASOURCE)
    .refId(refId(index))
    .expr(query.expr)
    .legendFormat(legend)
  if (query.exemplars) target.exemplar(true)
  if (spec.kind === 'heatmap') return target.range().format(prometheus.PromQueryFormat.Heatmap)
  if (spec.kind === 'table') return target.instant().format(prometheus.PromQueryFormat.Table)
  return target.range()
}

function linesOf(spec: PanelSpec, language: Language, uid: string): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .lineWidth(1)
    .fillOpacity(spec.kind === 'stack' ? 30 : 0)
    .showPoints(common.VisibilityMode.Never)
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .calcs(['mean', 'max', 'lastNotNull']),
    )
  if (spec.kind === 'stack') panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal))
  if (spec.max !== undefined) panel.max(spec.max)
  if (spec.scale === undefined) panel.min(0)
  else panel.scaleDistribution(scaleOf(spec.scale))
  if (byTable(spec)) panel.dataLinks(tableLinks(variable('__field.labels.table'), language, uid))
  for (const [series, colour] of Object.entries(spec.colours ?? {}))
    panel.overrideByName(series, [{ id: 'color', value: { mode: 'fixed', fixedColor: colour } }])
  return panel
}

function scaleOf(scale: 'log' | 'symlog'): common.ScaleDistributionConfigBuilder {
  if (scale === 'log') return new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Log).log(10)
  return new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Symlog).log(10).linearThreshold(1)
}

function statOf(spec: PanelSpec): stat.PanelBuilder {
  const panel = new stat.PanelBuilder()
  if (spec.unit === 'percentunit') panel.decimals(2) // 98.97% must not read 99%
  return panel
    .graphMode(common.BigValueGraphMode.Area)
    .colorMode(spec.steps === undefined ? common.BigValueColorMode.None : common.BigValueColorMode.Value)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(thresholdsOf(spec.steps ?? [[0, 'text']]))
}

function thresholdsOf(steps: Steps): model.ThresholdsConfigBuilder {
  return new model.ThresholdsConfigBuilder()
    .mode(model.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color], i) => ({ value: i === 0 ? null : value, color })))
}

function heatmapOf(): heatmap.PanelBuilder {
  return new heatmap.PanelBuilder()
    .calculate(false)
    .color(new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme('Blues').steps(32))
    .yAxis(new heatmap.YAxisConfigBuilder().unit('short'))
    .cellGap(1)
    .showLegend()
}

function tableOf(spec: PanelSpec, language: Language, uid: string): table.PanelBuilder {
  const columns = spec.columns ?? []
  const names = Object.fromEntries([
    ...[ATTR.database, ATTR.table].map((label) => [label, LABELS[label][language]]),
    ...columns.map(({ name }, i) => [`Value #${refId(i)}`, name[language]]),
  ])
  const links = tableLinks(variable('__value.raw'), language, uid).map((builder) => builder.build())
  const panel = new table.PanelBuilder()
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({ id: 'organize', options: { excludeByName: { Time: true }, renameByName: names } })
    .overrideByName(LABELS.table[language], [{ id: 'links', value: links }])
  for (const { name, unit } of columns) panel.overrideByName(name[language], [{ id: 'unit', value: unit }])
  return panel
}

function byTable(spec: PanelSpec): boolean {
  return spec.queries.some(({ legend }) => typeof legend === 'string' && legend.includes('{{table}}'))
}

const KEPT = ['datasource', 'job', 'instance', 'database', 'test_name', 'traces'].map(
  (name) => `\${${name}:queryparam}`,
)

/** From a series of one table to that table alone, and to its traces. */
function tableLinks(name: string, language: Language, uid: string): model.DashboardLinkBuilder[] {
  const narrow = language === 'en' ? 'Only this table' : '仅看此表'
  const search = language === 'en' ? 'Traces of this table' : '此表的链路'
  return [
    link(narrow, `/d/${uid}?${variable('__url_time_range')}&${KEPT.join('&')}&var-table=${name}`),
    link(search, exploreUrl(`batchflow.batch ${name}`)),
  ]
}

/** Links at the top of the dashboard. */
export function linksOf(language: Language): model.DashboardLinkBuilder[] {
  const other = language === 'en' ? { uid: 'batchflow-zh', title: '中文' } : { uid: 'batchflow', title: 'English' }
  return [
    link(other.title, `/d/${other.uid}`).type(model.DashboardLinkType.Link).includeVars(true).keepTime(true),
    link(language === 'en' ? 'Traces' : '链路', exploreUrl()).type(model.DashboardLinkType.Link),
  ]
}

/** Grafana's Explore with a search in the trace store. A trace is found by its service, which is what `job` names. */
function exploreUrl(operation?: string): string {
  const search = { refId: 'A', queryType: 'search', service: variable('job') }
  const queries = [operation === undefined ? search : { ...search, operation }]
  const range = { from: variable('__from'), to: variable('__to') }
  const panes = JSON.stringify({ traces: { datasource: variable('traces'), queries, range } })
  return `/explore?schemaVersion=1&panes=${encodeURIComponent(panes).replace(/%24%7B(.*?)%7D/g, variable('$1'))}`
}

function link(title: string, url: string): model.DashboardLinkBuilder {
  return new model.DashboardLinkBuilder(title).url(url).targetBlank(false)
}

/** A, B, C … */
function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index)
}
