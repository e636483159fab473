/** Single values, tables and legends. */
import { colourOf, type Panel } from './draw.ts'
import { format } from './format.ts'
import type { Line } from './prometheus.ts'
import type { Theme } from './theme.ts'

export function stat(panel: Panel, lines: readonly Line[], theme: Theme): string {
  const value = lines[0]?.points.at(-1)?.[1] ?? Number.NaN
  const { unit, thresholds } = panel.fieldConfig?.defaults ?? {}
  const colour = stepOf(thresholds?.steps ?? [], value)
  return `<div class="stat" style="color:${theme.named[colour]}">${format(value, unit)}</div>`
}

type Steps = readonly { readonly value: number | null; readonly color: string }[]

/** Name of the colour of `value`. */
function stepOf(steps: Steps, value: number): string {
  return steps.filter((candidate) => value >= (candidate.value ?? Number.NEGATIVE_INFINITY)).at(-1)?.color ?? 'text'
}

interface Property {
  readonly id: string
  // biome-ignore lint/suspicious/noExplicitAny: Grafana's model says so
  readonly value?: any
}

export function tableOf(panel: Panel, lines: readonly Line[], theme: Theme): string {
  const rows = new Map<string, Map<number, number>>()
  for (const { labels, query, points } of lines) {
    const key = [labels['job'], labels['database'], labels['table']].map((text = '') => escaped(text)).join('</td><td>')
    rows.set(key, (rows.get(key) ?? new Map<number, number>()).set(query, points.at(-1)?.[1] ?? Number.NaN))
  }
  const overrides = panel.fieldConfig?.overrides ?? []
  const columns = overrides.filter(({ properties }) => properties.some(({ id }) => id === 'unit'))
  const names = Object.values(
    (panel.transformations?.find(({ id }) => id === 'organize')?.options as { renameByName?: object })?.renameByName ??
      {},
  )
  const head = names.map((name) => `<th>${escaped(String(name))}</th>`).join('')
  const body = [...rows].map(([key, values]) => {
    const cells = columns.map(({ properties }, i) => cell(properties, values.get(i), theme))
    return `<tr><td>${key}</td>${cells.join('')}</tr>`
  })
  return `<table><tr>${head}</tr>${body.join('')}</table>`
}

function cell(properties: readonly Property[], value: number | undefined, theme: Theme): string {
  if (value === undefined) return '<td></td>'
  const property = (name: string) => properties.find(({ id }) => id === name)?.value
  const steps = property('custom.cellOptions') === undefined ? [] : (property('thresholds')?.steps ?? [])
  return `<td style="color:${theme.named[stepOf(steps, value)]}">${format(value, property('unit'))}</td>`
}

/** Mean, maximum and last value of each line. */
export function legendOf(panel: Panel, lines: readonly Line[], theme: Theme): string {
  const show = (value: number) => `<td class="right">${format(value, panel.fieldConfig?.defaults.unit)}</td>`
  const rows = lines.map(({ name, points }, i) => {
    const values = points.map(([, value]) => value).filter(Number.isFinite)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const numbers = [mean, Math.max(...values), values.at(-1) ?? Number.NaN].map(show).join('')
    const colour = colourOf(panel, name, i, theme)
    return `<tr><td title="${escaped(name)}"><i style="background:${colour}"></i>${escaped(name)}</td>${numbers}</tr>`
  })
  const head = '<tr><th></th><th class="right">Mean</th><th class="right">Max</th><th class="right">Last</th></tr>'
  return `<table class="legend">${head}${rows.join('')}</table>`
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
