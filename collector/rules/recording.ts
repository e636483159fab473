/** What the alerts ask, computed once. */
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { series, sum, TABLE } from './promql.ts'
import type { Group, Recording } from './rule.ts'
import { OBJECTIVES } from './thresholds.ts'

/** How histograms are stored, as in grafana/native.ts. */
type Histograms = 'classic' | 'native'
type Duration = typeof METRICS.executeDuration | typeof METRICS.enqueueLatency

const retries = sum(TABLE, `rate(${series(METRICS.errors, 'type=~"retry:.+"')}[5m])`)
const batches = sum(TABLE, `rate(${series(METRICS.batches)}[5m])`)

function quantile(q: number, metric: Duration, histograms: Histograms): string {
  const rates =
    histograms === 'native'
      ? sum(TABLE, `rate(${series(metric)}[5m])`)
      : sum(`${TABLE}, le`, `rate(${series(metric, '', '_bucket')}[5m])`)
  return `histogram_quantile(${q}, ${rates})`
}

export const recording = (histograms: Histograms): Group => ({
  name: 'batchflow-recording',
  rules: [
    { record: 'job_database_table:batchflow_batches:rate5m', expr: batches },
    {
      record: 'job_database_table:batchflow_records:rate5m',
      expr: sum(`${TABLE}, status`, `rate(${series(METRICS.records)}[5m])`),
    },
    {
      comment: 'A batch makes one attempt more than it has retries.',
      record: 'job_database_table:batchflow_retries:ratio_rate5m',
      expr: `${retries}\n/\n(\n  ${batches}\n  +\n  ${retries}\n)`,
    },
    {
      record: 'job_database_table:batchflow_execute_duration_seconds:p99_rate5m',
      expr: quantile(0.99, METRICS.executeDuration, histograms),
    },
    {
      record: 'job_database_table:batchflow_enqueue_latency_seconds:p95_rate5m',
      expr: quantile(0.95, METRICS.enqueueLatency, histograms),
    },
  ],
})

export const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d'] as const
export type Window = (typeof WINDOWS)[number]
/** Those in which there must have been enough that is bad. */
export const LONG_WINDOWS = ['1h', '6h', '1d'] as const satisfies readonly Window[]
export type LongWindow = (typeof LONG_WINDOWS)[number]

/** Share of the settled rows that were not committed. */
export function failedRatio(window: Window): string {
  return `job_database_table:batchflow_records_failed:ratio_rate${window}`
}

/** Rows that were not committed. */
export function failedCount(window: LongWindow): string {
  return `job_database_table:batchflow_records_failed:increase${window}`
}

/** Share of the batches that took longer than the objective. */
export function slowRatio(window: Window): string {
  return `job_database_table:batchflow_batches_slow:ratio_rate${window}`
}

/** Batches that took longer than the objective. */
export function slowCount(window: LongWindow): string {
  return `job_database_table:batchflow_batches_slow:increase${window}`
}

type Over = 'rate' | 'increase'

const rows = (over: Over, window: Window, matchers: string) =>
  sum(TABLE, `${over}(${series(METRICS.records, matchers)}[${window}])`)

function failed(window: Window): Recording {
  return {
    record: failedRatio(window),
    expr: `${rows('rate', window, 'status="fail"')}\n/\n${rows('rate', window, '')}`,
  }
}

function failures(window: LongWindow): Recording {
  return { record: failedCount(window), expr: rows('increase', window, 'status="fail"') }
}

const batchesIn = (over: Over, window: Window) =>
  sum(TABLE, `${over}(${series(METRICS.processDuration, '', '_count')}[${window}])`)

/** All of them, less those that were in time. */
function late(over: Over, window: Window): string {
  const inTime = series(METRICS.processDuration, `le="${OBJECTIVES.latency.seconds}"`, '_bucket')
  return `${batchesIn(over, window)}\n-\n${sum(TABLE, `${over}(${inTime}[${window}])`)}`
}

function slow(window: Window): Recording {
  const indented = late('rate', window).replaceAll('\n', '\n  ')
  return { record: slowRatio(window), expr: `(\n  ${indented}\n)\n/\n${batchesIn('rate', window)}` }
}

function slowOnes(window: LongWindow): Recording {
  return { record: slowCount(window), expr: late('increase', window) }
}

const inNative = (over: Over, window: Window) => sum(TABLE, `${over}(${series(METRICS.processDuration)}[${window}])`)
const lateShare = (histograms: string) => `1 - histogram_fraction(0, ${OBJECTIVES.latency.seconds}, ${histograms})`

function slowNative(window: Window): Recording {
  return { record: slowRatio(window), expr: lateShare(inNative('rate', window)) }
}

function slowOnesNative(window: LongWindow): Recording {
  const histograms = inNative('increase', window)
  return { record: slowCount(window), expr: `histogram_count(${histograms})\n*\n(${lateShare(histograms)})` }
}

/** Long windows need not be looked at as often as alerts are. */
export const objectives = (histograms: Histograms): Group => ({
  name: 'batchflow-objectives',
  interval: '30s',
  rules: [
    ...WINDOWS.map(failed),
    ...LONG_WINDOWS.map(failures),
    ...WINDOWS.map(histograms === 'native' ? slowNative : slow),
    ...LONG_WINDOWS.map(histograms === 'native' ? slowOnesNative : slowOnes),
  ],
})
