import * as common from '@grafana/grafana-foundation-sdk/common'
import * as model from '@grafana/grafana-foundation-sdk/dashboard'
import * as heatmap from '@grafana/grafana-foundation-sdk/heatmap'
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus'
import * as stat from '@grafana/grafana-foundation-sdk/stat'
import * as table from '@grafana/grafana-foundation-sdk/table'
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries'
import { ATTR } from '../src/telemetry/metrics/catalogue.ts'
import { tableLinks } from './links.ts'
import type { Language, PanelSpec, Query, Steps } from './spec.ts'
import { DATASOURCE, LABELS } from './variables.ts'

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
  if (spec.kind === 'heatmap') return heatmapOf(spec)
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
  return spec.now === true ? target.instant() : target.range()
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
  if (spec.steps !== undefined) {
    panel.thresholds(thresholdsOf(spec.steps))
    panel.thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed))
  }
  if (byTable(spec)) panel.dataLinks(tableLinks((name) => `__field.labels.${name}`, language, uid))
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
    .graphMode(spec.now === true ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
    .colorMode(spec.steps === undefined ? common.BigValueColorMode.None : common.BigValueColorMode.Value)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(thresholdsOf(spec.steps ?? [[0, 'text']]))
}

function thresholdsOf(steps: Steps): model.ThresholdsConfigBuilder {
  return new model.ThresholdsConfigBuilder()
    .mode(model.ThresholdsMode.Absolute)
    .steps(steps.map(([value, color], i) => ({ value: i === 0 ? null : value, color })))
}

function heatmapOf({ unit }: PanelSpec): heatmap.PanelBuilder {
  return new heatmap.PanelBuilder()
    .calculate(false)
    .color(new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme('Blues').steps(32))
    .yAxis(new heatmap.YAxisConfigBuilder().unit(unit))
    .cellGap(1)
    .showLegend()
}

function tableOf(spec: PanelSpec, language: Language, uid: string): table.PanelBuilder {
  const columns = spec.columns ?? []
  const names = Object.fromEntries([
    ...(['job', ATTR.database, ATTR.table] as const).map((label) => [label, LABELS[label][language]]),
    ...columns.map(({ name }, i) => [`Value #${refId(i)}`, name[language]]),
  ])
  const links = tableLinks((name) => `__data.fields.${name}`, language, uid).map((builder) => builder.build())
  const panel = new table.PanelBuilder()
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({ id: 'organize', options: { excludeByName: { Time: true }, renameByName: names } })
    .overrideByName(LABELS.table[language], [{ id: 'links', value: links }])
  for (const { name, unit, steps } of columns) {
    const coloured = { id: 'custom.cellOptions', value: { type: 'color-text' } }
    const thresholds = { id: 'thresholds', value: thresholdsOf(steps ?? [[0, 'text']]).build() }
    panel.overrideByName(name[language], [{ id: 'unit', value: unit }, thresholds, ...(steps ? [coloured] : [])])
  }
  const [first] = columns
  return first === undefined
    ? panel
    : panel.sortBy([new common.TableSortByFieldStateBuilder().displayName(first.name[language]).desc(true)])
}

function byTable(spec: PanelSpec): boolean {
  return spec.queries.some(({ legend }) => typeof legend === 'string' && legend.includes('{{table}}'))
}

/** A, B, C … */
function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index)
}
