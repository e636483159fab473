/**
 * What is too much, too slow or too late: the one place that alerts and dashboards take their thresholds from. A
 * threshold of a duration that is measured by a histogram is one of its buckets' bounds: between two of them a quantile is
 * a guess, by which an objective of 2 s would be missed at 1.1 s.
 */
import { METRICS, type MetricSpec } from '../../src/telemetry/metrics/catalogue.ts'

export const THRESHOLDS = {
  /** Seconds that 99 of 100 batches may take, retries included. */
  execute: { warn: bound(METRICS.executeDuration, 1.024), alert: bound(METRICS.executeDuration, 2.048) },
  /** Seconds that 95 of 100 calls of `submit` may wait. */
  enqueue: { warn: bound(METRICS.enqueueLatency, 0.032), alert: bound(METRICS.enqueueLatency, 0.128) },
  /** Share of attempts that are repeated. */
  retries: { warn: 0.05, alert: 0.1 },
  /** Seconds that the oldest row of a table may wait, whatever else is settled. */
  oldestRow: { warn: 10, alert: 120 },
  /** Seconds after which a table of which nothing is settled stands still: on the dashboard at once, in an alert surely. */
  stalled: { shown: 30, alert: 45 },
  /** Seconds that a message may be in a log. */
  sourceLag: { warn: 60, alert: 300 },
  /** Seconds after which a worker that settles nothing, although messages are there, stands still. */
  sourceStalled: 120,
  /** Share of executors' slots in use. */
  slots: { warn: 0.8, alert: 0.95 },
} as const

/** What a service promises of every table, over a month. */
export const OBJECTIVES = {
  /** Share of settled rows that are committed. */
  committed: 0.999,
  /** Share of batches that are settled within `seconds` of leaving their lane. */
  latency: { share: 0.99, seconds: bound(METRICS.processDuration, 2.048) },
} as const

/**
 * Burn rates: how many times faster than the objective allows. Both windows must be over it: the long one says that it
 * matters, the short one that it goes on. As in the SRE Workbook, chapter 5: 2% of a month's budget in an hour, 5% in six
 * hours, 10% in a day.
 */
export const BURN_RATES = {
  fast: [
    { rate: 14.4, long: '1h', short: '5m' },
    { rate: 6, long: '6h', short: '30m' },
  ],
  slow: [{ rate: 3, long: '1d', short: '2h' }],
} as const

/**
 * How many rows must have failed, or batches must have been slow, within the long window: where little is written, a share
 * is no rate. One row of three that fail at night has an alert of its own, and wakes nobody.
 */
export const BURN_MINIMUM = { rows: 10, batches: 10 } as const

/** @throws where `seconds` is not a bound of one of the metric's buckets */
export function bound(metric: MetricSpec, seconds: number): number {
  if (metric.buckets?.includes(seconds)) return seconds
  throw new Error(`${seconds} is no bucket bound of ${metric.name}`)
}
