/** Rules of native histograms: what is recorded of them, and that the alerts find it. */
import { failedRatio, LONG_WINDOWS, slowCount, slowRatio, WINDOWS } from '../../../collector/rules/recording.ts'
import { type Case, of, USERS, without } from './case.ts'

const TABLE = without(USERS, 'instance')
const LABELS = '{job="app", database="postgres", table="users"}'
const BOTH = ['a', 'b'] as const

/** In each interval so many more in each bucket; the last one is beyond all bounds. */
function growing(bounds: readonly number[], buckets: readonly number[], intervals: number): string {
  const histogram = (counts: readonly number[]) => {
    const count = counts.reduce((sum, one) => sum + one, 0)
    return `{{schema:-53 count:${count} sum:${count} custom_values:[${bounds.join(' ')}] buckets:[${counts.join(' ')}]}}`
  }
  return `${histogram(buckets.map(() => 1000))}+${histogram(buckets)}x${intervals}`
}

/** In each of two processes. */
function both(metric: 'executeDuration' | 'enqueueLatency' | 'processDuration', values: string) {
  return Object.fromEntries(BOTH.map((instance) => [of(metric, { instance }), values]))
}

const slow = growing([1.024, 2.048, 4.096], [80, 10, 4, 6], 900)

const fine = growing([1.024, 2.048, 4.096], [88, 7, 3, 2], 60)

export const NATIVE_CASES: readonly Case[] = [
  {
    name: 'native: quantiles of all processes together',
    interval: '1m',
    series: {
      ...both('executeDuration', growing([1.024, 2.048, 4.096], [90, 8, 2, 0], 60)),
      ...both('enqueueLatency', growing([0.064, 0.128, 0.256], [90, 4, 6, 0], 60)),
    },
    answers: {
      '30m': {
        'job_database_table:batchflow_execute_duration_seconds:p99_rate5m': { [LABELS]: 3.072 },
        'job_database_table:batchflow_enqueue_latency_seconds:p95_rate5m': { [LABELS]: 0.128 * (1 + 1 / 6) },
      },
    },
  },
  {
    name: 'native: a tenth of the batches is slow, in every window',
    interval: '5m',
    evaluation: '5m',
    series: both('processDuration', slow),
    answers: {
      '3030m': {
        ...Object.fromEntries(
          WINDOWS.filter((window) => window !== '5m').map((window) => [slowRatio(window), { [LABELS]: 0.1 }]),
        ),
        ...Object.fromEntries(
          LONG_WINDOWS.map((window) => [
            slowCount(window),
            { [LABELS]: 20 * { '1h': 12, '6h': 72, '1d': 288 }[window] },
          ]),
        ),
      },
    },
  },
  {
    name: 'native: five minutes',
    interval: '1m',
    evaluation: '5m',
    series: both('processDuration', slow),
    answers: { '105m': { [slowRatio('5m')]: { [LABELS]: 0.1 } } },
  },
  {
    name: 'native: the alert on latency burns',
    alert: 'BatchflowLatencyBudgetBurnsFast',
    severity: 'critical',
    interval: '1m',
    series: {
      ...both('processDuration', growing([1.024, 2.048, 4.096], [70, 10, 15, 5], 60)),
      ...Object.fromEntries(BOTH.map((instance) => [of('processDuration', { instance, table: 'fine' }), fine])),
    },
    firing: { '30m': [TABLE] },
  },
  {
    name: 'native: rows are counted as ever',
    interval: '1m',
    evaluation: '5m',
    series: { [of('records', { status: 'fail' })]: '0+1x200', [of('records', { status: 'success' })]: '0+9x200' },
    answers: { '105m': { [failedRatio('30m')]: { [LABELS]: 0.1 } } },
  },
]
