/** PromQL made from the metric catalogue: names, suffixes and the labels a metric has are looked up, never spelled here. */
import {
  ATTR,
  type AttributeName,
  type MetricSpec,
  prometheusLabel,
  prometheusName,
} from '../src/telemetry/metrics/catalogue.ts'

/** Labels that a dashboard variable of the same name narrows down. */
export const FILTERED = [ATTR.database, ATTR.table, ATTR.testName] as const

/** A table of a database in a service: what is about one table keeps them apart, and its traces are found by the job. */
export const BY_TABLE = ['job', ATTR.database, ATTR.table] as const

/** Legend of what is summed `BY_TABLE`. */
export const TABLE_LEGEND = '{{table}} ({{database}}, {{job}})'

/** A label of the contract, or one that Prometheus itself adds. */
export type Label = AttributeName | 'job' | 'instance' | 'le'

/** Extra matchers: a plain string is compared, one that begins with `~` is a regular expression. */
export type Matchers = Partial<Record<AttributeName, string>>

const ALWAYS = ['job=~"$job"', 'instance=~"$instance"']

/** The series of a metric that the variables of the dashboard select. */
export function select(metric: MetricSpec, matchers: Matchers = {}, suffix = ''): string {
  const has = (attribute: AttributeName) => metric.attributes.includes(attribute)
  const variables = FILTERED.filter(has).map((attribute) => `${attribute}=~"$${attribute}"`)
  const own = (Object.keys(matchers) as AttributeName[]).map((attribute) => {
    if (!has(attribute)) throw new Error(`${metric.name} has no attribute ${attribute}`)
    return matcher(attribute, matchers[attribute] ?? '')
  })
  return `${prometheusName(metric)}${suffix}{${[...ALWAYS, ...variables, ...own].join(', ')}}`
}

/** Events per second of a counter. */
export function rate(metric: MetricSpec, matchers?: Matchers): string {
  return `rate(${select(metric, matchers)}[$__rate_interval])`
}

/** Events of a counter within the time range shown. */
export function increase(metric: MetricSpec, matchers?: Matchers): string {
  return `increase(${select(metric, matchers)}[$__range])`
}

export function sum(expression: string, by: readonly Label[] = []): string {
  return by.length === 0 ? `sum(${expression})` : `sum by (${by.map(label).join(', ')}) (${expression})`
}

export function max(expression: string, by: readonly Label[] = []): string {
  return sum(expression, by).replace(/^sum/, 'max')
}

/** Quantile `q`, 0 to 1, of a histogram. */
export function quantile(q: number, metric: MetricSpec, by: readonly Label[] = []): string {
  return `histogram_quantile(${q}, ${sum(buckets(metric), ['le', ...by])})`
}

/** Rate of each bucket of a histogram. */
export function buckets(metric: MetricSpec): string {
  return `rate(${select(metric, {}, '_bucket')}[$__rate_interval])`
}

/** Mean of what a histogram recorded. */
export function mean(metric: MetricSpec, by: readonly Label[] = []): string {
  const part = (suffix: string) => sum(`rate(${select(metric, {}, suffix)}[$__rate_interval])`, by)
  return ratio(part('_sum'), part('_count'))
}

/** Nothing rather than NaN where the denominator is 0. */
export function ratio(numerator: string, denominator: string): string {
  return `${numerator} / (${denominator} > 0)`
}

/** Each series of `sum by (by) (expression)` as a share of their sum. */
export function share(expression: string, by: readonly Label[]): string {
  return ratio(sum(expression, by), `sum(${expression})`).replace(' / ', ' / on () group_left () ')
}

/**
 * 0 where `expression` has no series, provided that `present` has one: an error that never happened reads 0, while a
 * wrong variable or a missing reporter still reads "no data".
 */
export function orZero(expression: string, present: string): string {
  return `${expression} or 0 * ${present}`
}

function matcher(attribute: AttributeName, value: string): string {
  const [operator, text] = value.startsWith('~') ? ['=~', value.slice(1)] : ['=', value]
  return `${prometheusLabel(attribute)}${operator}"${text}"`
}

function label(name: Label): string {
  return name === 'job' || name === 'instance' || name === 'le' ? name : prometheusLabel(name)
}
