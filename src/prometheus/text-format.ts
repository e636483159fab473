import type { Attributes, AttributeValue } from '@opentelemetry/api'
import type { PageFormat } from './negotiate.ts'

/** Label values by label name, in the order in which they are written. */
export type Labels = ReadonlyMap<string, string>

/**
 * The metric's name with `_` for everything Prometheus does not take.
 *
 * @returns `undefined` where nothing is left of it
 */
export function metricName(name: string): string | undefined {
  const legal = legalise(name)
  if (legal === '' || legal === '_') return undefined
  return startsWithDigit(legal) ? `_${legal}` : legal
}

/**
 * Attributes and then `own` labels, which prevail. Attributes that get the same name (`a.b` and `a_b`) are joined by `;`,
 * as the OpenTelemetry specification has it; a label that is there twice would cost the whole page.
 */
export function labelsOf(attributes: Attributes, own?: Labels): Labels {
  const labels = new Map<string, string>()
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue
    const name = labelName(key)
    const other = labels.get(name)
    labels.set(name, other === undefined ? labelValue(value) : `${other};${labelValue(value)}`)
  }
  if (own !== undefined) for (const [name, value] of own) labels.set(name, value)
  return labels
}

/** `{a="1",b="2"}`, or nothing when there is no label. */
export function renderLabels(labels: Labels): string {
  if (labels.size === 0) return ''
  return `{${Array.from(labels, ([name, value]) => `${name}="${escapeQuoted(value)}"`).join(',')}}`
}

/** What `renderLabels` wrote with one more label behind, whose value needs no escaping. */
export function withLabel(labels: string, name: string, value: string): string {
  return labels === '' ? `{${name}="${value}"}` : `${labels.slice(0, -1)},${name}="${value}"}`
}

export function renderNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

/**
 * The text of an upper bound, for the label `le`: as Go prints a float, and `.0` behind what would look like an integer.
 * OpenMetrics wants it so ("canonical numbers"), and Prometheus 3 turns whatever it scrapes into it; written the same way
 * in both formats, the series stay the same when the format changes.
 */
export function renderBound(bound: number): string {
  if (!Number.isFinite(bound)) return renderNumber(bound)
  const [mantissa, exponent = ''] = bound.toExponential().split('e')
  const magnitude = Number(exponent)
  if (magnitude < -4 || magnitude > 5) return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`
  return Number.isInteger(bound) ? `${bound}.0` : String(bound)
}

const KNOWN_BOUNDS = new WeakMap<readonly number[], readonly string[]>()

/** `renderBound` of each and of infinity. Done once, for all points of a metric have the same array. */
export function renderBounds(bounds: readonly number[]): readonly string[] {
  const known = KNOWN_BOUNDS.get(bounds)
  if (known !== undefined) return known
  const texts = [...bounds, Number.POSITIVE_INFINITY].map(renderBound)
  KNOWN_BOUNDS.set(bounds, texts)
  return texts
}

/** OpenMetrics escapes quotes in a help text, too; in the text format `\"` would be two characters. */
export function renderHelp(help: string, format: PageFormat): string {
  return format === 'openmetrics' ? escapeQuoted(help) : escapeLine(help)
}

function labelName(key: string): string {
  const legal = legalise(key)
  if (legal === '') return '_'
  return startsWithDigit(legal) ? `key_${legal}` : legal
}

function labelValue(value: AttributeValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What most names are, and then nothing is to be done. */
const LEGAL = /^[a-z](_?[a-z0-9])*$/i

function legalise(name: string): string {
  if (LEGAL.test(name)) return name
  return name.replace(/[^a-z0-9_]/gi, '_').replace(/_{2,}/g, '_')
}

function startsWithDigit(name: string): boolean {
  return /^\d/.test(name)
}

function escapeLine(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeQuoted(text: string): string {
  if (!/["\\\n]/.test(text)) return text
  return escapeLine(text).replaceAll('"', '\\"')
}
