import type { MetricSpec } from '../../../telemetry/metrics/metric-spec.ts'
import type { Window } from './history.ts'
import { numberOf } from './openmetrics.ts'

/** A cumulative bucket: how many values were at most `bound`. */
export interface Bucket {
  readonly bound: number
  readonly count: number
}

/**
 * Quantile `q` as Prometheus' `histogram_quantile` has it: linear within a bucket, from 0 within the first one; beyond the
 * last bound, that bound. Nothing of nothing.
 */
export function quantile(q: number, buckets: readonly Bucket[]): number | undefined {
  const sorted = buckets.toSorted((a, b) => a.bound - b.bound)
  const all = sorted.at(-1)
  if (all === undefined || all.bound !== Number.POSITIVE_INFINITY || !(all.count > 0)) return undefined
  const rank = q * all.count
  const index = sorted.findIndex(({ count }) => count >= rank)
  const { bound, count } = sorted[index] ?? all
  const below = sorted[index - 1]
  if (bound === Number.POSITIVE_INFINITY) return below?.bound
  const from = below?.bound ?? Math.min(bound, 0)
  const before = below?.count ?? 0
  return count === before ? bound : from + ((bound - from) * (rank - before)) / (count - before)
}

/** The buckets of a histogram, as they grew in `window`. */
export function bucketsOf(window: Window, metric: MetricSpec): Bucket[] {
  return window
    .increase(metric, { by: ['le'], suffix: '_bucket' })
    .map(({ labels, value }) => ({ bound: numberOf(labels['le'] ?? ''), count: value }))
}
