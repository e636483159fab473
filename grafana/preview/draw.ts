/** Charts as SVG. */
import type * as model from '@grafana/grafana-foundation-sdk/dashboard'
import * as echarts from 'echarts'
import { format } from './format.ts'
import type { Line, Point } from './prometheus.ts'
import { PALETTE, type Theme } from './theme.ts'

export type Panel = model.Panel & { type: string }

export interface Frame {
  readonly width: number
  readonly height: number
  readonly theme: Theme
  /** Both ends of the time shown. */
  readonly shown: readonly [number, number]
  /** Exemplars. */
  readonly dots: readonly Point[]
  readonly annotations: readonly number[]
}

export function chart(panel: Panel, lines: readonly Line[], frame: Frame): string {
  const { width, height } = frame
  const drawing = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
  drawing.setOption(panel.type === 'heatmap' ? heatmap(panel, lines, frame) : timeSeries(panel, lines, frame))
  const svg = drawing.renderToSVGString()
  drawing.dispose()
  return svg
}

/** The colour of a line by its name, or else by its number. */
export function colourOf(panel: Panel, name: string, i: number, { named }: Theme): string {
  const own = panel.fieldConfig?.overrides?.find(({ matcher }) => matcher.options === name)
  const fixed = own?.properties.find(({ id }) => id === 'color')?.value.fixedColor as string | undefined
  return (fixed === undefined ? undefined : named[fixed]) ?? PALETTE[i % PALETTE.length] ?? ''
}

/** As Grafana's symlog scale: linear up to 1, by powers of ten from there on. */
const SYMLOG = {
  to: (value: number) => (Math.abs(value) <= 1 ? value : Math.sign(value) * (1 + Math.log10(Math.abs(value)))),
  from: (at: number) => (Math.abs(at) <= 1 ? at : Math.sign(at) * 10 ** (Math.abs(at) - 1)),
}
const SAME = { to: (value: number) => value, from: (at: number) => at }

interface Custom {
  readonly stacking?: { readonly mode?: string }
  readonly scaleDistribution?: { readonly type: string }
  readonly fillOpacity?: number
  readonly thresholdsStyle?: { readonly mode: string }
}

function timeSeries(panel: Panel, lines: readonly Line[], frame: Frame): echarts.EChartsOption {
  const defaults = panel.fieldConfig?.defaults
  const custom = (defaults?.custom ?? {}) as Custom
  const scale = custom.scaleDistribution?.type ?? 'linear'
  const { to, from } = scale === 'symlog' ? SYMLOG : SAME
  const series = lines.map(({ name, points }, i) => {
    const color = colourOf(panel, name, i, frame.theme)
    return {
      type: 'line',
      name,
      showSymbol: false,
      lineStyle: { width: 1, color },
      itemStyle: { color },
      areaStyle: { opacity: (custom.fillOpacity ?? 0) / 100 },
      ...(custom.stacking?.mode === 'normal' && { stack: 'all' }),
      data: points.map(([time, value]) => [time, Number.isFinite(value) ? to(value) : null]),
    }
  })
  const dots = { type: 'scatter', symbol: 'diamond', symbolSize: 5, data: frame.dots.map(([time, y]) => [time, to(y)]) }
  return {
    animation: false,
    grid: { left: 66, right: 10, top: 10, bottom: 22 },
    ...axes(panel, scale, frame, (at) => format(from(at), defaults?.unit)),
    series: [...series, { ...dots, itemStyle: { color: '#6e9fff' } }, marks(panel, custom, frame, to)],
  } as echarts.EChartsOption
}

function axes(panel: Panel, scale: string, { theme, shown }: Frame, formatter: (at: number) => string) {
  const axisLabel = { color: theme.dim, fontSize: 10 }
  const defaults = panel.fieldConfig?.defaults
  return {
    xAxis: { type: 'time', min: shown[0], max: shown[1], axisLabel, axisLine: { lineStyle: { color: theme.border } } },
    yAxis: {
      type: scale === 'log' ? 'log' : 'value',
      ...(defaults?.max !== undefined && { max: defaults.max }),
      ...(scale === 'symlog' && { minInterval: 1 }),
      axisLabel: { ...axisLabel, formatter },
      splitLine: { lineStyle: { color: theme.border } },
    },
  }
}

/** Dashed lines: thresholds from side to side, annotations from top to bottom. */
function marks(panel: Panel, custom: Custom, { theme, annotations }: Frame, to: (value: number) => number) {
  const steps = panel.fieldConfig?.defaults.thresholds?.steps.slice(1) ?? []
  const thresholds = custom.thresholdsStyle?.mode === 'dashed' ? steps : []
  const line = (color: string) => ({ lineStyle: { color, type: 'dashed', width: 1 } })
  const across = thresholds.map(({ value, color }) => ({ yAxis: to(value ?? 0), ...line(theme.named[color] ?? '') }))
  const down = annotations.map((time) => ({ xAxis: time, ...line(theme.dim) }))
  return {
    type: 'line',
    data: [],
    markLine: { silent: true, symbol: 'none', animation: false, label: { show: false }, data: [...across, ...down] },
  }
}

/** Cumulative buckets made into the bands between them. */
function heatmap(panel: Panel, lines: readonly Line[], { theme }: Frame): echarts.EChartsOption {
  const sorted = lines.toSorted((a, b) => bound(a) - bound(b))
  const times = [...new Set(sorted.flatMap(({ points }) => points.map(([time]) => time)))].sort((a, b) => a - b)
  const at = sorted.map(({ points }) => new Map(points))
  const cells = at.flatMap((band, y) =>
    times.map((time, x) => [x, y, (band.get(time) ?? 0) - (at[y - 1]?.get(time) ?? 0)] as const),
  )
  const unit = (panel.options as { yAxis?: { unit?: string } })?.yAxis?.unit
  const axisLabel = { color: theme.dim, fontSize: 10 }
  return {
    animation: false,
    grid: { left: 66, right: 10, top: 10, bottom: 24 },
    xAxis: { type: 'category', data: times.map((time) => new Date(time).toISOString().slice(11, 19)), axisLabel },
    yAxis: {
      type: 'category',
      data: sorted.map((line) => (line.labels['le'] === '+Inf' ? '+Inf' : format(bound(line), unit))),
      axisLabel,
    },
    visualMap: {
      show: false,
      min: 0,
      max: Math.max(...cells.map(([, , value]) => value)),
      inRange: { color: [...theme.heat] },
    },
    series: [{ type: 'heatmap', data: cells.map((cell) => [...cell]) }],
  }
}

function bound({ labels }: Line): number {
  return labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le'])
}
