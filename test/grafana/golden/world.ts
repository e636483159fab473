/**
 * A world with known answers: every metric in every process of two services, and in others that the variables leave out,
 * each series with numbers of its own. Until minute 15 nothing happens; then every counter grows evenly, from minute 20 on
 * by another rate.
 */

import type { Histograms } from '../../../grafana/native.ts'
import {
  type MetricSpec,
  prometheusLabel,
  prometheusName,
  prometheusType,
} from '../../../src/telemetry/metrics/catalogue.ts'
import { ALL_METRICS } from '../../../src/telemetry/metrics/source-catalogue.ts'
import { type Labels, seriesText } from '../../support/promtool/unit-tests.ts'

export type MetricName = keyof typeof ALL_METRICS

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
  source: ['kafka', 'nats'],
  outcome: ['committed', 'dead_lettered', 'dropped'],
  partition: ['0', '1'],
}

/** Bounds out of a metric's list that have series. */
const BOUNDS = [1, 4, 7, 9, 12] as const

/** So little happens here that less than one event a second does, and no error. */
const QUIET = 'web'

/** Of the oldest row at each chosen place: too young to stand still, just so, and just too old. */
const AGES = [20, 30, 31] as const

const UNLIMITED: readonly MetricName[] = ['executorConcurrency', 'executorSlots', 'executorSlotsUsed', 'executorPaused']

/** Of these the panels show the largest one; they have no table. */
const MAXIMA: readonly MetricName[] = ['sourceLagSeconds', 'adaptiveFlushSize']

/** Rows of this one are not settled any more. */
const STANDING = CHOSEN[2]

export const EVERYTHING: readonly Labels[] = [...CHOSEN, ...OTHERS]

/** The series of a metric, without those of its histogram. */
export function pointsOf(name: MetricName): readonly Point[] {
  const spec: MetricSpec = ALL_METRICS[name]
  const own = spec.attributes.map(prometheusLabel).filter((label) => label in OWN)
  const places = (spec.attributes.includes('table') ? EVERYTHING : distinct(EVERYTHING)).filter(
    ({ job }) => !(name === 'errors' && job === QUIET),
  )
  return places.flatMap((place) =>
    own
      .reduce<readonly Labels[]>(
        (sets, label) => sets.flatMap((set) => (OWN[label] ?? []).map((value) => ({ ...set, [label]: value }))),
        [place],
      )
      .map((labels) => ({ labels, value: chosenValue(name, labels) })),
  )
}

/** Events a second in each bucket of each series, by upper bound; not cumulative. */
export function bucketsOf(
  name: MetricName,
): readonly { readonly labels: Labels; readonly counts: readonly (readonly [le: number, count: number])[] }[] {
  const bounds = boundsOf(name)
  return pointsOf(name).map(({ labels }) => ({
    labels,
    counts: bounds.map((le) => [le, le === Number.POSITIVE_INFINITY ? 0 : numberOf(`${name} ${le}`, labels)] as const),
  }))
}

/** Sum of what is recorded a second. A batch takes longer to be settled than to be executed. */
export function sumOf(name: MetricName, labels: Labels): number {
  return numberOf(`${name} sum`, labels) * (name === 'processDuration' ? 20 : 1)
}

export function boundsOf(name: MetricName): readonly number[] {
  const { buckets = [] }: MetricSpec = ALL_METRICS[name]
  return [...BOUNDS.map((i) => buckets[i] ?? 0), Number.POSITIVE_INFINITY]
}

/** All of it, as promtool reads it, a value a minute. */
export function inputSeries(histograms: Histograms = 'classic'): { series: string; values: string }[] {
  return (Object.keys(ALL_METRICS) as MetricName[]).flatMap((name) => {
    const spec: MetricSpec = ALL_METRICS[name]
    if (prometheusType(spec) === 'histogram')
      return histograms === 'native' ? nativeSeries(name) : histogramSeries(name)
    const values = prometheusType(spec) === 'counter' ? growing : (value: number) => `${value}x30`
    return pointsOf(name).map(({ labels, value }) => ({
      series: seriesText(prometheusName(spec), labels),
      values: values(value),
    }))
  })
}

function histogramSeries(name: MetricName): { series: string; values: string }[] {
  const series = (suffix: string, labels: Labels, rate: number) => ({
    series: seriesText(`${prometheusName(ALL_METRICS[name])}${suffix}`, labels),
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

/** With the same bounds, so that the answers are the same. */
function nativeSeries(name: MetricName): { series: string; values: string }[] {
  const custom = boundsOf(name).filter(Number.isFinite).join(' ')
  return bucketsOf(name).map(({ labels, counts }) => {
    let total = 0
    const totals = counts.map(([, count]) => (total += count))
    const at = (value: (rate: number) => number) => {
      const buckets = totals.map((rate, i) => value(rate) - (i === 0 ? 0 : value(totals[i - 1] ?? 0)))
      return `{{schema:-53 count:${value(total)} sum:${value(sumOf(name, labels))} custom_values:[${custom}] buckets:[${buckets.join(' ')}]}}`
    }
    return { series: seriesText(prometheusName(ALL_METRICS[name]), labels), values: grown(at) }
  })
}

/** Flat for 15 minutes, high enough that no window sees it begin; then for 5 minutes at one rate, for 10 at another. */
function growing(rate: number): string {
  return grown((value) => String(value(rate)))
}

/** @param at a value, or a histogram of values, each of which depends on its rate */
function grown(at: (value: (rate: number) => number) => string): string {
  const start = (rate: number) => totalOf(rate, true)
  const before = (rate: number) => 60 * early(rate)
  const after = (rate: number) => 60 * rate
  const second = at((rate) => start(rate) + before(rate))
  const third = at((rate) => start(rate) + 5 * before(rate) + after(rate))
  return `${at(start)}x15 ${second}+${at(before)}x4 ${third}+${at(after)}x9`
}

/** In no fixed proportion to the later rate, and of more buckets not less. */
function early(rate: number): number {
  return (rate * rate) / 50
}

const START = 1000

/** What a counter says in the end, or while nothing has happened yet, by its rate. */
export function totalOf(rate: number, idle = false): number {
  return idle ? START * rate : START * rate + increaseOf(rate)
}

/** What it has grown by. */
export function increaseOf(rate: number): number {
  return 300 * early(rate) + 600 * rate
}

function isAt(labels: Labels, place: Labels | undefined): boolean {
  if (place === undefined) return false
  return ['job', 'instance', 'database', 'table', 'test_name'].every((label) => labels[label] === place[label])
}

/** Places without a table, each once. */
function distinct(places: readonly Labels[]): readonly Labels[] {
  const found = new Map(places.map(({ table: _, ...rest }) => [JSON.stringify(rest), rest as Labels]))
  return [...found.values()]
}

function chosenValue(name: MetricName, labels: Labels): number {
  if (name === 'records' && isAt(labels, STANDING)) return 0
  if (name === 'oldestRecordAge' && labels['job'] !== QUIET)
    return AGES[CHOSEN.findIndex((place) => isAt(labels, place))] ?? 10_000 + numberOf(name, labels)
  // The executors of this database have no limit, and none of them waits for it.
  if (UNLIMITED.includes(name) && labels['database'] === 'mysql') return 0
  // What is not chosen is older, or larger, than what is: a maximum would not notice that it is there.
  if (MAXIMA.includes(name) && !CHOSEN.some((place) => isAt({ ...labels, table: place['table'] ?? '' }, place)))
    return 10_000 + numberOf(name, labels)
  return name === 'errors' && labels['instance'] === 'i2' ? numberOf(name, labels) / 100_000 : numberOf(name, labels)
}

/** From 1 to 997, of its own for each series; next to nothing where it is quiet. */
function numberOf(name: string, labels: Labels): number {
  let hash = 7
  for (const character of name + JSON.stringify(labels)) hash = (hash * 31 + character.charCodeAt(0)) % 1_000_003
  const number = 1 + (hash % 997)
  return labels['job'] === QUIET ? number / 100_000 : number
}
