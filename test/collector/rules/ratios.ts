/** Shares and quantiles of a table: what is recorded of them, and what they fire. */
import { THRESHOLDS } from '../../../collector/rules/thresholds.ts'
import { type Case, of, USERS, without } from './case.ts'

const TABLE = without(USERS, 'instance')
const RETRIES = { alert: 'BatchflowRetryRatioHigh', severity: 'warning', interval: '1m' } as const
const WAIT = { alert: 'BatchflowQueueSaturated', severity: 'warning', interval: '1m' } as const
const SLOW = { alert: 'BatchflowExecuteP99High', severity: 'warning', interval: '1m' } as const
const OTHERS = [{ job: 'web' }, { database: 'mysql' }, { table: 'orders' }] as const

/** Batches and retries a minute. */
function attempts(batches: string, retries: string, labels: Readonly<Record<string, string>> = {}) {
  return {
    [of('batches', { status: 'success', ...labels })]: batches,
    [of('batches', { status: 'fail', ...labels })]: '0x60',
    [of('errors', { type: 'retry:deadlock', error_type: 'deadlock', ...labels })]: retries,
    [of('errors', { type: 'final:syntax', error_type: 'syntax', ...labels })]: '0+50x60',
  }
}

const retries: readonly Case[] = [
  {
    ...RETRIES,
    name: 'retries: over a tenth of the attempts of any table fires after ten minutes, a tenth does not',
    series: {
      ...attempts('0+89x60', '0+11x60'),
      ...Object.assign({}, ...OTHERS.map((labels) => attempts('0+80x60', '0+20x60', labels))),
      ...attempts('0+920x60', '0+80x60', { table: 'fine' }),
      ...attempts('0+89x60', '0+11x60', { table: 'half', instance: 'a' }),
      ...attempts('0+189x60', '0+11x60', { table: 'half', instance: 'b' }),
    },
    firing: {
      '10m45s': [],
      '11m': [TABLE, ...OTHERS.map((labels) => ({ ...TABLE, ...labels }))],
    },
  },
  {
    ...RETRIES,
    name: 'retries: says how many',
    series: attempts('0+80x60', '0+20x60'),
    says: {
      at: '20m',
      labels: TABLE,
      summary: 'Many attempts at users are retried',
      description:
        '20% of the attempts of app at table users (postgres) failed and were repeated, for more than 10 minutes.',
    },
  },
  {
    ...RETRIES,
    name: 'retries: neither a spike of five minutes, nor counters seen for the first time, after a gap, or reset',
    series: {
      ...attempts('0+80x60', '0x20 20+20x2 60x37', { table: 'spiky' }),
      ...attempts('_x10 9000x50', '_x10 9000x50', { table: 'fresh' }),
      ...attempts('0+95x10 stale _x14 1e5+95x30', '0+5x10 stale _x14 9e4+5x30', { table: 'gap' }),
      ...attempts('0+95x20 0+95x30', '0+5x20 0+5x30', { table: 'reset' }),
    },
    firing: { '12m': [], '21m': [], '24m': [], '31m': [], '37m': [], '45m': [] },
  },
]

/** A histogram of which `total` are recorded a minute: up to the first bound, up to the second one, up to the third. */
function histogram(
  metric: 'executeDuration' | 'enqueueLatency',
  bounds: readonly [string, string, string],
  counts: readonly [string, string, string],
  labels: Readonly<Record<string, string>> = {},
) {
  const [first, second, third] = counts
  return {
    [of(metric, { ...labels, le: bounds[0] }, '_bucket')]: first,
    [of(metric, { ...labels, le: bounds[1] }, '_bucket')]: second,
    [of(metric, { ...labels, le: bounds[2] }, '_bucket')]: third,
    [of(metric, { ...labels, le: '+Inf' }, '_bucket')]: third,
  }
}

const WAITS = ['0.064', '0.128', '0.256'] as const
const TIMES = ['1.024', '2.048', '4.096'] as const

const waits: readonly Case[] = [
  {
    ...WAIT,
    name: 'waits: over one in twenty longer than 128 ms, in all processes together, fires when it lasts; all of 65 ms do not',
    series: {
      ...histogram('enqueueLatency', WAITS, ['0x60', '0+940x60', '0+1000x60']),
      ...Object.assign(
        {},
        ...OTHERS.map((labels) => histogram('enqueueLatency', WAITS, ['0x60', '0+900x60', '0+1000x60'], labels)),
      ),
      ...histogram('enqueueLatency', WAITS, ['0x60', '0+1000x60', '0+1000x60'], { table: '65 ms' }),
      ...histogram('enqueueLatency', WAITS, ['0x60', '0+960x60', '0+1000x60'], { table: 'fine' }),
      ...histogram('enqueueLatency', WAITS, ['0x60', '0x60', '0+10x60'], { table: 'half' }),
      ...histogram('enqueueLatency', WAITS, ['0x60', '0+990x60', '0+990x60'], { table: 'half', instance: 'b' }),
    },
    firing: { '10m45s': [], '11m': [TABLE, ...OTHERS.map((labels) => ({ ...TABLE, ...labels }))] },
  },
  {
    ...WAIT,
    name: 'waits: says how long',
    series: histogram('enqueueLatency', WAITS, ['0x60', '0+100x60', '0+1000x60']),
    says: {
      at: '20m',
      labels: TABLE,
      summary: 'Callers wait to hand over rows of users',
      description:
        'The buffer is full: one in twenty calls of submit for table users (postgres) in app waits 248.9ms or longer, for more than 10 minutes.',
    },
  },
  {
    ...WAIT,
    name: 'waits: neither a burst, nor counters seen for the first time, after a gap, or reset',
    series: {
      ...histogram('enqueueLatency', WAITS, ['0x60', '1000+100x20 3000x3 3100+100x36', '1000+100x60'], {
        table: 'burst',
      }),
      ...histogram('enqueueLatency', WAITS, ['_x10 0x50', '_x10 0x50', '_x10 12270x50'], { table: 'fresh' }),
      ...histogram('enqueueLatency', WAITS, ['0x60', '0+9x10 stale _x14 1e3+9x30', '0+9x10 stale _x14 9e3+9x30'], {
        table: 'gap',
      }),
      ...histogram('enqueueLatency', WAITS, ['0x60', '5000+9x20 0+9x30', '9000+9x20 0+9x30'], { table: 'reset' }),
    },
    firing: { '12m': [], '21m': [], '26m': [], '31m': [], '34m': [], '37m': [], '45m': [] },
  },
]

const slow: readonly Case[] = [
  {
    ...SLOW,
    name: 'slow: over one in a hundred longer than 2.048 s fires when it lasts; all of 1.08 s do not',
    series: {
      ...histogram('executeDuration', TIMES, ['0x60', '0+988x60', '0+1000x60'], { status: 'success' }),
      ...Object.assign(
        {},
        ...OTHERS.map((labels) => histogram('executeDuration', TIMES, ['0x60', '0+900x60', '0+1000x60'], labels)),
      ),
      ...histogram('executeDuration', TIMES, ['0x60', '0+1000x60', '0+1000x60'], { table: '1.08 s' }),
      ...histogram('executeDuration', TIMES, ['0x60', '0+992x60', '0+1000x60'], { table: 'fine' }),
      ...histogram('executeDuration', TIMES, ['0x60', '0x60', '0+5x60'], { table: 'half' }),
      ...histogram('executeDuration', TIMES, ['0x60', '0+995x60', '0+995x60'], { table: 'half', instance: 'b' }),
    },
    firing: { '10m45s': [], '11m': [TABLE, ...OTHERS.map((labels) => ({ ...TABLE, ...labels }))] },
  },
  {
    ...SLOW,
    name: 'slow: says how slow',
    series: histogram('executeDuration', TIMES, ['0x60', '0+900x60', '0+1000x60'], { status: 'success' }),
    says: {
      at: '20m',
      labels: TABLE,
      summary: 'Batches of users are slow',
      description:
        'More than one in a hundred batches of table users (postgres) in app has taken longer than 2.048 s for 10 minutes; the P99 is about 3.891s.',
    },
  },
  {
    ...SLOW,
    name: 'slow: neither a burst, nor counters seen for the first time, after a gap, or reset',
    series: {
      ...histogram('executeDuration', TIMES, ['0x60', '1000+100x20 3000x3 3100+100x36', '1000+100x60'], {
        table: 'burst',
      }),
      ...histogram('executeDuration', TIMES, ['_x10 0x50', '_x10 0x50', '_x10 449x50'], { table: 'fresh' }),
      ...histogram('executeDuration', TIMES, ['0x60', '0+9x10 stale _x14 1e3+9x30', '0+9x10 stale _x14 9e3+9x30'], {
        table: 'gap',
      }),
      ...histogram('executeDuration', TIMES, ['0x60', '5000+9x20 0+9x30', '9000+9x20 0+9x30'], { table: 'reset' }),
    },
    firing: { '12m': [], '21m': [], '26m': [], '31m': [], '34m': [], '37m': [], '45m': [] },
  },
]

/** At its threshold, to the last digit: not over it. */
const just = (
  [
    [RETRIES, 'retries:ratio_rate5m', THRESHOLDS.retries.alert],
    [WAIT, 'enqueue_latency_seconds:p95_rate5m', THRESHOLDS.enqueue.alert],
    [SLOW, 'execute_duration_seconds:p99_rate5m', THRESHOLDS.execute.alert],
  ] as const
).map(
  ([head, name, value]): Case => ({
    ...head,
    name: `${head.alert}: not at its threshold`,
    series: { [`job_database_table:batchflow_${name}{table="just"}`]: `${value}x60` },
    firing: { '20m': [] },
  }),
)

const LABELS = '{job="app", database="postgres", table="users"}'
const record = (name: string) => `job_database_table:batchflow_${name}`

/** Three minutes after a change: what is recorded has a window of five. */
const recorded: Case = {
  name: 'recorded: rates, ratios and quantiles over five minutes, all processes together',
  interval: '1m',
  series: {
    [of('batches', { status: 'success' })]: '9000+60x20 10320+120x20',
    [of('batches', { status: 'success', instance: 'b' })]: '9000+60x40',
    [of('records', { status: 'success' })]: '9000+600x20 22200+1200x20',
    [of('records', { status: 'fail', instance: 'b' })]: '9000+60x40',
    [of('errors', { type: 'retry:timeout' })]: '9000x20 9060+60x20',
    [of('errors', { type: 'retry:deadlock', instance: 'b' })]: '9000+12x40',
    [of('errors', { type: 'final:syntax' })]: '9000+700x40',
    [of('records', { status: 'success', instance: 'b' })]: '9000+120x40',
    ...histogram('executeDuration', TIMES, ['9000x40', '90000+600x20 102000x20', '900000+600x40']),
    ...histogram('executeDuration', TIMES, ['9000+200x40', '9000+200x40', '9000+200x40'], { instance: 'b' }),
    ...histogram('enqueueLatency', WAITS, ['9000x40', '90000+600x20 102000x20', '900000+600x40']),
    ...histogram('enqueueLatency', WAITS, ['9000+200x40', '9000+200x40', '9000+200x40'], { instance: 'b' }),
  },
  answers: {
    '23m': {
      [record('batches:rate5m')]: { [LABELS]: 1.75 + 1 },
      [record('records:rate5m')]: {
        '{job="app", database="postgres", table="users", status="success"}': 17.5 + 2,
        '{job="app", database="postgres", table="users", status="fail"}': 1,
      },
      // Retries: three of four minutes at 60, and 12 all the time.
      [record('retries:ratio_rate5m')]: {
        [LABELS]: 0.95 / (2.75 + 0.95),
      },
      // Of what is in the window a quarter is in the first bucket, 3 in 16 in the second one, the rest in the third one.
      [record('execute_duration_seconds:p99_rate5m')]: {
        [LABELS]: 2.048 + 2.048 * ((0.99 - 0.4375) / 0.5625),
      },
      [record('enqueue_latency_seconds:p95_rate5m')]: {
        [LABELS]: 0.128 + 0.128 * ((0.95 - 0.4375) / 0.5625),
      },
    },
  },
}

export const RATIO_CASES: readonly Case[] = [...retries, ...waits, ...slow, ...just, recorded]
