import type * as model from '@grafana/grafana-foundation-sdk/dashboard'
import * as echarts from 'echarts'
import { format } from './format.ts'

export interface Line {
  /** Index of the target it belongs to. */
  readonly query: number
  readonly labels: Readonly<Record<string, string>>
  readonly name: string
  readonly points: readonly (readonly [milliseconds: number, value: number])[]
}

type Panel = model.Panel & { type: string }

const PALETTE = [
  '#73bf69',
  '#f2cc0c',
  '#8ab8ff',
  '#ff780a',
  '#f2495c',
  '#5794f2',
  '#b877d9',
  '#705da0',
  '#37872d',
  '#fade2a',
]
const NAMED: Readonly<Record<string, string>> = { green: '#73bf69', yellow: '#f2cc0c', red: '#f2495c', text: '#ccccdc' }

/** Lines of a legend; Grafana would let one scroll. */
const LEGEND = 4

/** A chart of the panel as SVG. */
export function chart(panel: Panel, lines: readonly Line[], width: number, height: number): string {
  const drawing = echarts.init(null, 'dark', { renderer: 'svg', ssr: true, width, height })
  drawing.setOption(panel.type === 'heatmap' ? heatmap(lines) : timeSeries(panel, lines))
  const svg = drawing.renderToSVGString()
  drawing.dispose()
  return svg
}

function timeSeries(panel: Panel, lines: readonly Line[]): echarts.EChartsOption {
  const defaults = panel.fieldConfig?.defaults
  const custom = defaults?.custom as {
    stacking?: { mode?: string }
    scaleDistribution?: { type: string }
    fillOpacity?: number
  }
  const colours = new Map(
    panel.fieldConfig?.overrides?.map(({ matcher, properties }) => [matcher.options, properties[0]?.value.fixedColor]),
  )
  const stacked = custom.stacking?.mode === 'normal'
  const label = (value: number) => format(value, defaults?.unit)
  return {
    animation: false,
    backgroundColor: 'transparent',
    color: PALETTE,
    grid: { left: 62, right: 10, top: 10, bottom: 32 + 18 * Math.min(lines.length, LEGEND) },
    legend: {
      data: lines.slice(0, LEGEND).map(({ name }) => name),
      bottom: 0,
      left: 0,
      orient: 'vertical',
      itemHeight: 8,
      formatter: (name) => legend(lines, name, label),
      textStyle: { color: '#ccccdc', fontSize: 10 },
    },
    xAxis: { type: 'time' },
    yAxis: {
      type: (custom.scaleDistribution?.type ?? 'linear') === 'linear' ? 'value' : 'log',
      ...(defaults?.max !== undefined && { max: defaults.max }),
      axisLabel: { formatter: label },
    },
    series: lines.map(({ name, points }) => ({
      type: 'line',
      name,
      showSymbol: false,
      lineStyle: { width: 1, color: NAMED[colours.get(name)] },
      itemStyle: { color: NAMED[colours.get(name)] },
      areaStyle: { opacity: (custom.fillOpacity ?? 0) / 100 },
      ...(stacked && { stack: 'all' }),
      data: points.map(([time, value]) => [time, Number.isFinite(value) ? value : null]),
    })),
  } as echarts.EChartsOption
}

/** Mean, maximum and last value, as the legend's table has them. */
function legend(lines: readonly Line[], name: string, label: (value: number) => string): string {
  const values =
    lines
      .find((line) => line.name === name)
      ?.points.map(([, value]) => value)
      .filter(Number.isFinite) ?? []
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return `${name}   mean ${label(mean)}   max ${label(Math.max(...values))}   last ${label(values.at(-1) ?? Number.NaN)}`
}

/** Cumulative buckets made into the bands between them. */
function heatmap(lines: readonly Line[]): echarts.EChartsOption {
  const sorted = lines.toSorted((a, b) => bound(a) - bound(b))
  const times = [...new Set(sorted.flatMap(({ points }) => points.map(([time]) => time)))].sort((a, b) => a - b)
  const at = sorted.map(({ points }) => new Map(points))
  const cells = at.flatMap((band, y) =>
    times.map((time, x) => [x, y, (band.get(time) ?? 0) - (at[y - 1]?.get(time) ?? 0)] as const),
  )
  return {
    animation: false,
    backgroundColor: 'transparent',
    grid: { left: 62, right: 10, top: 10, bottom: 24 },
    xAxis: { type: 'category', data: times.map((time) => new Date(time).toISOString().slice(11, 19)) },
    yAxis: { type: 'category', data: sorted.map(({ labels }) => labels['le'] ?? '') },
    visualMap: {
      show: false,
      min: 0,
      max: Math.max(...cells.map(([, , value]) => value)),
      inRange: { color: ['#181b1f', '#1f60c4', '#c0d8ff'] },
    },
    series: [{ type: 'heatmap', data: cells.map((cell) => [...cell]) }],
  }
}

function bound({ labels }: Line): number {
  return labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le'])
}

export function stat(panel: Panel, lines: readonly Line[]): string {
  const value = lines[0]?.points.at(-1)?.[1] ?? Number.NaN
  const { unit, thresholds } = panel.fieldConfig?.defaults ?? {}
  const step = thresholds?.steps.filter((candidate) => value >= (candidate.value ?? Number.NEGATIVE_INFINITY)).at(-1)
  return `<div class="stat" style="color:${NAMED[step?.color ?? 'text']}">${format(value, unit)}</div>`
}

export function tableOf(panel: Panel, lines: readonly Line[]): string {
  const rows = new Map<string, Map<number, number>>()
  for (const { labels, query, points } of lines) {
    const key = `${labels['database']}</td><td>${labels['table']}`
    rows.set(key, (rows.get(key) ?? new Map<number, number>()).set(query, points.at(-1)?.[1] ?? Number.NaN))
  }
  const columns = (panel.fieldConfig?.overrides ?? []).filter(({ properties }) => properties[0]?.id === 'unit')
  const head = columns.map(({ matcher }) => `<th>${escaped(String(matcher.options))}</th>`).join('')
  const body = [...rows].map(([key, values]) => {
    const cells = columns.map(
      ({ properties }, i) => `<td>${values.has(i) ? format(values.get(i) ?? 0, properties[0]?.value) : ''}</td>`,
    )
    return `<tr><td>${key}</td>${cells.join('')}</tr>`
  })
  return `<table><tr><th>database</th><th>table</th>${head}</tr>${body.join('')}</table>`
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
