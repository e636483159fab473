/**
 * A world with known answers: every metric in every process of two services, and in others that the variables leave out,
 * each series with a number of its own. Until minute 20 nothing happens, then every counter grows evenly.
 */
import {
  METRICS,
  type MetricSpec,
  prometheusLabel,
  prometheusName,
  prometheusType,
} from '../../../src/telemetry/metrics/catalogue.ts'
import { type Labels, seriesText } from '../../support/promtool/unit-tests.ts'

export type MetricName = keyof typeof METRICS

/** One series: what it grows by a second, or, of a gauge, is. */
export interface Point {
  readonly labels: Labels
  readonly value: number
}

const USERS: Labels = { job: 'app', instance: 'i1', database: 'postgres', table: 'users', test_name: 't1' }

/** What the variables select in the narrow view, a table with characters of its own among them. */
const CHOSEN: readonly Labels[] = [
  USERS,
  { ...USERS, instance: 'i2', table: 'or&ders#1+2.x' },
  { ...USERS, database: 'mysql' },
  { ...USERS, job: 'web', instance: 'i3' },
]

/** Each differs from what is chosen in one label; the last one lacks two. */
const OTHERS: readonly Labels[] = [
  { ...USERS, job: 'other' },
  { ...USERS, instance: 'i9' },
  { ...USERS, database: 'redis' },
  { ...USERS, table: 'or&ders#1+22x' },
  { ...USERS, test_name: 't9' },
  { job: 'app', database: 'postgres', table: 'users' },
]

/** Values of the labels that a metric has of its own. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  status: ['success', 'fail'],
  type: ['retry:deadlock', 'retry:processor_timeout', 'final:context', 'final:syntax'],
  reason: ['full', 'context'],
  trigger: ['size', 'interval', 'pressure'],
  strategy: ['update', 'ignore'],
}

/** Bounds out of a metric's list that have series. */
const BOUNDS = [1, 4, 7, 9, 12] as const

/** Rows of this one are not settled any more. */
const STANDING = CHOSEN[2]

export const EVERYTHING: readonly Labels[] = [...CHOSEN, ...OTHERS]

/** The series of a metric, without those of its histogram. */
export function pointsOf(name: MetricName): readonly Point[] {
  const spec: MetricSpec = METRICS[name]
  const own = spec.attributes.map(prometheusLabel).filter((label) => label in OWN)
  const places = spec.attributes.includes('table') ? EVERYTHING : distinct(EVERYTHING)
  return places.flatMap((place) =>
    own
      .reduce<readonly Labels[]>(
        (sets, label) => sets.flatMap((set) => (OWN[label] ?? []).map((value) => ({ ...set, [label]: value }))),
        [place],
      )
      .map((labels) => ({ labels, value: name === 'records' && isAt(labels, STANDING) ? 0 : numberOf(name, labels) })),
  )
}

/** Events a second in each bucket of each series, by upper bound; not cumulative. */
export function bucketsOf(
  name: MetricName,
): readonly { readonly labels: Labels; readonly counts: readonly (readonly [le: number, count: number])[] }[] {
  const bounds = boundsOf(name)
  return pointsOf(name).map(({ labels }) => ({
    labels,
    counts: bounds.map((le) => [le, numberOf(`${name} ${le}`, labels) % 11] as const),
  }))
}

/** Sum of what is recorded a second. */
export function sumOf(name: MetricName, labels: Labels): number {
  return numberOf(`${name} sum`, labels)
}

export function boundsOf(name: MetricName): readonly number[] {
  const { buckets = [] }: MetricSpec = METRICS[name]
  return [...BOUNDS.map((i) => buckets[i] ?? 0), Number.POSITIVE_INFINITY]
}

/** All of it, as promtool reads it, a value a minute. */
export function inputSeries(): { series: string; values: string }[] {
  return (Object.keys(METRICS) as MetricName[]).flatMap((name) => {
    const spec: MetricSpec = METRICS[name]
    if (prometheusType(spec) === 'histogram') return histogramSeries(name)
    const values = prometheusType(spec) === 'counter' ? growing : (value: number) => `${value}x30`
    return pointsOf(name).map(({ labels, value }) => ({
      series: seriesText(prometheusName(spec), labels),
      values: values(value),
    }))
  })
}

function histogramSeries(name: MetricName): { series: string; values: string }[] {
  const series = (suffix: string, labels: Labels, rate: number) => ({
    series: seriesText(`${prometheusName(METRICS[name])}${suffix}`, labels),
    values: growing(rate),
  })
  return bucketsOf(name).flatMap(({ labels, counts }) => {
    let total = 0
    const buckets = counts.map(([le, count]) => {
      total += count
      return series('_bucket', { ...labels, le: le === Number.POSITIVE_INFINITY ? '+Inf' : String(le) }, total)
    })
    return [...buckets, series('_count', labels, total), series('_sum', labels, sumOf(name, labels))]
  })
}

/** Flat for 20 minutes, high enough that no window sees it begin; then `rate` a second. */
function growing(rate: number): string {
  const start = START * rate
  return `${start}x20 ${start + 60 * rate}+${60 * rate}x9`
}

const START = 100_000
/** What a counter says in the end, by its rate. */
export function totalOf(rate: number): number {
  return (START + 600) * rate
}

function isAt(labels: Labels, place: Labels | undefined): boolean {
  return place !== undefined && Object.entries(place).every(([label, value]) => labels[label] === value)
}

/** Places without a table, each once. */
function distinct(places: readonly Labels[]): readonly Labels[] {
  const found = new Map(places.map(({ table: _, ...rest }) => [JSON.stringify(rest), rest as Labels]))
  return [...found.values()]
}

/** From 1 to 97, of its own for each series. */
function numberOf(name: string, labels: Labels): number {
  let hash = 7
  for (const character of name + JSON.stringify(labels)) hash = (hash * 31 + character.charCodeAt(0)) % 1_000_003
  return 1 + (hash % 97)
}
