/** Objectives: the ratios that are recorded of them, and how fast their budgets burn. */
import {
  failedCount,
  failedRatio,
  type LongWindow,
  slowCount,
  slowRatio,
  type Window,
} from '../../../collector/rules/recording.ts'
import { seriesText } from '../../support/promtool/unit-tests.ts'
import { type Case, of, USERS, without } from './case.ts'

const TABLE = without(USERS, 'instance')
const LABELS = '{job="app", database="postgres", table="users"}'

/** In each of two processes 30 rows and batches in each interval; from `step` on 60, of which 6 are bad. */
function world(step: number) {
  const half = (bad: string, all: string, good: string, instance: string) => ({
    [of('records', { instance, status: 'fail' })]: bad,
    [of('records', { instance, status: 'success' })]: good,
    [of('processDuration', { instance, status: 'success', le: '1.024' }, '_bucket')]: '5000+7x900',
    [of('processDuration', { instance, status: 'success', le: '2.048' }, '_bucket')]: good,
    [of('processDuration', { instance, status: 'success', le: '4.096' }, '_bucket')]: all,
    [of('processDuration', { instance, status: 'success', le: '+Inf' }, '_bucket')]: all,
    [of('processDuration', { instance, status: 'success' }, '_count')]: all,
  })
  const after = 900 - step
  const bad = `5000x${step} 5006+6x${after}`
  const all = `50000+30x${step} ${50000 + 30 * step + 60}+60x${after}`
  const good = `50000+30x${step} ${50000 + 30 * step + 54}+54x${after}`
  return { ...half(bad, all, good, 'a'), ...half(bad, all, good, 'b') }
}

/** In two processes, six that were bad in each of the last `bad` intervals; what is before the first value is taken for granted. */
function counts(windows: Readonly<Partial<Record<LongWindow, number>>>, bad: number) {
  const expected = Object.entries(windows).flatMap(([window, intervals]) =>
    [failedCount, slowCount].map((count) => {
      return [count(window as LongWindow), { [LABELS]: 12 * bad * ((intervals + 1) / intervals) }] as const
    }),
  )
  return Object.fromEntries(expected)
}

/** `intervals` of the window are seen, of which the last `bad` had twice as many, a tenth of them bad. */
function answers(windows: Readonly<Partial<Record<Window, number>>>, bad: number) {
  const expected = Object.entries(windows).flatMap(([window, intervals]) =>
    [failedRatio, slowRatio].map((ratio) => {
      return [ratio(window as Window), { [LABELS]: ((2 * bad) / (intervals + bad)) * 0.1 }] as const
    }),
  )
  return Object.fromEntries(expected)
}

const recorded: readonly Case[] = [
  {
    name: 'objectives: short windows',
    interval: '1m',
    evaluation: '5m',
    series: world(102),
    answers: { '105m': { ...answers({ '5m': 4, '30m': 29, '1h': 59 }, 3), ...counts({ '1h': 59 }, 3) } },
  },
  {
    name: 'objectives: long windows',
    interval: '5m',
    evaluation: '5m',
    series: world(600),
    answers: {
      '3030m': { ...answers({ '1h': 11, '2h': 23, '6h': 71, '1d': 287 }, 6), ...counts({ '6h': 71, '1d': 287 }, 6) },
    },
  },
]

interface Budget {
  readonly name: string
  readonly ratio: (window: Window) => string
  readonly count: (window: LongWindow) => string
  /** The share that may be bad. */
  readonly budget: number
  readonly says: readonly [at: string, summary: string, fast: string, slow: string]
}

const BUDGETS: readonly Budget[] = [
  {
    name: 'CommitBudget',
    ratio: failedRatio,
    count: failedCount,
    budget: 0.001,
    says: [
      '10m',
      'Rows of users fail too often',
      "2% of the rows of table users (postgres) in app are not committed, where 0.1% may fail. At this rate a month's budget is gone within days.",
      '0.4% of the rows of table users (postgres) in app are not committed, where 0.1% may fail. At this rate the budget does not last the month.',
    ],
  },
  {
    name: 'LatencyBudget',
    ratio: slowRatio,
    count: slowCount,
    budget: 0.01,
    says: [
      '10m',
      'Batches of users take too long',
      "20% of the batches of table users (postgres) in app are not settled within 2.048 s, where 1% may take longer. At this rate a month's budget is gone within days.",
      '4% of the batches of table users (postgres) in app are not settled within 2.048 s, where 1% may take longer. At this rate the budget does not last the month.',
    ],
  },
]

/** How fast the budget burns in each window: over it or not. */
type Burns = Readonly<Partial<Record<Window, number>>>

/** How many were bad in the long windows. */
type Counts = Readonly<Partial<Record<LongWindow, number>>>

const ENOUGH: Counts = { '1h': 10, '6h': 10, '1d': 10 }

function burning({ ratio, count, budget }: Budget, table: string, burns: Burns, bad: Counts) {
  const labels = { ...TABLE, table }
  const ratios = Object.entries(burns).map(
    ([window, rate]) =>
      [seriesText(ratio(window as Window), labels), `${Number((rate * budget).toPrecision(6))}x200`] as const,
  )
  const counts = Object.entries(bad).map(
    ([window, number]) => [seriesText(count(window as LongWindow), labels), `${number}x200`] as const,
  )
  return Object.fromEntries([...ratios, ...counts])
}

function casesOf(one: Budget): readonly Case[] {
  const [at, summary, fast, slow] = one.says
  const table = (name: string, burns: Burns, bad = ENOUGH) => burning(one, name, burns, bad)
  const named = (name: string) => ({ ...TABLE, table: name })
  return [
    {
      name: `${one.name}: burns fast, in an hour or in six`,
      alert: `Batchflow${one.name}BurnsFast`,
      severity: 'critical',
      interval: '15s',
      series: {
        ...table('users', { '5m': 20, '30m': 20, '1h': 20, '6h': 1 }),
        ...table('hours', { '5m': 7, '30m': 7, '1h': 7, '6h': 7 }),
        ...table('over', { '5m': 0, '30m': 0, '1h': 100, '6h': 100 }),
        ...table('almost 1h', { '5m': 20, '30m': 20, '1h': 13, '6h': 5 }),
        ...table('almost 5m', { '5m': 13, '30m': 5, '1h': 20, '6h': 20 }),
        ...table('almost 6h', { '5m': 13, '30m': 13, '1h': 13, '6h': 5 }),
        ...table('almost 30m', { '5m': 13, '30m': 5, '1h': 13, '6h': 13 }),
        ...table('just 1h', { '5m': 20, '30m': 5, '1h': 14.4, '6h': 5 }),
        ...table('just 5m', { '5m': 14.4, '30m': 5, '1h': 20, '6h': 5 }),
        ...table('just 6h', { '5m': 13, '30m': 7, '1h': 13, '6h': 6 }),
        ...table('just 30m', { '5m': 13, '30m': 6, '1h': 13, '6h': 7 }),
      },
      firing: { '1m45s': [], '2m': [named('users'), named('hours')], '30m': [named('users'), named('hours')] },
    },
    {
      name: `${one.name}: burns for a day`,
      alert: `Batchflow${one.name}Burns`,
      severity: 'warning',
      interval: '15s',
      series: {
        ...table('users', { '2h': 4, '1d': 4 }),
        ...table('over', { '2h': 0, '1d': 100 }),
        ...table('almost 2h', { '2h': 2, '1d': 4 }),
        ...table('almost 1d', { '2h': 4, '1d': 2 }),
        ...table('just 2h', { '2h': 3, '1d': 4 }),
        ...table('just 1d', { '2h': 4, '1d': 3 }),
      },
      firing: { '14m45s': [], '15m': [TABLE] },
    },
    {
      name: `${one.name}: little that is bad is no rate, however large its share`,
      alert: `Batchflow${one.name}BurnsFast`,
      severity: 'critical',
      interval: '15s',
      series: {
        ...table('users', { '5m': 20, '30m': 20, '1h': 20, '6h': 1 }, { '1h': 10, '6h': 9 }),
        ...table('hours', { '5m': 7, '30m': 7, '1h': 7, '6h': 7 }, { '1h': 9, '6h': 10 }),
        ...table('night', { '5m': 333, '30m': 333, '1h': 333, '6h': 333 }, { '1h': 9.9, '6h': 9.9 }),
      },
      firing: { '2m': [named('users'), named('hours')], '30m': [named('users'), named('hours')] },
    },
    {
      name: `${one.name}: little that is bad in a day is no rate either`,
      alert: `Batchflow${one.name}Burns`,
      severity: 'warning',
      interval: '15s',
      series: {
        ...table('users', { '2h': 4, '1d': 4 }, { '1d': 10 }),
        ...table('night', { '2h': 333, '1d': 333 }, { '1h': 99, '6h': 99, '1d': 9.9 }),
      },
      firing: { '15m': [TABLE], '40m': [TABLE] },
    },
    {
      name: `${one.name}: says how fast`,
      alert: `Batchflow${one.name}BurnsFast`,
      severity: 'critical',
      interval: '15s',
      series: table('users', { '5m': 20, '30m': 20, '1h': 20, '6h': 1 }),
      says: { at, labels: TABLE, summary, description: fast },
    },
    {
      name: `${one.name}: says how fast in a day`,
      alert: `Batchflow${one.name}Burns`,
      severity: 'warning',
      interval: '15s',
      series: table('users', { '2h': 4, '1d': 4 }),
      says: { at: '20m', labels: TABLE, summary, description: slow },
    },
  ]
}

/** From the counters themselves, in processes that come, go and begin anew. */
const counters: readonly Case[] = (['Commit', 'Latency'] as const).map((name) => ({
  name: `${name}Budget: neither first sight, nor a gap, nor a reset`,
  alert: `Batchflow${name}BudgetBurnsFast`,
  severity: 'critical',
  interval: '1m',
  series: Object.assign(
    {},
    ...[
      { table: 'fresh', bad: '_x10 449x50', good: '_x10 0x50', all: '_x10 449x50' },
      {
        table: 'gap',
        bad: '0x10 stale _x14 449x30',
        good: '0+9x10 stale _x14 1e5+9x30',
        all: '0+9x10 stale _x14 1e5+9x30',
      },
      { table: 'reset', bad: '449x20 0x30', good: '9e3+9x20 0+9x30', all: '1e4+9x20 0+9x30' },
    ].map(({ table, bad, good, all }) => ({
      [of('records', { table, status: 'fail' })]: bad,
      [of('records', { table, status: 'success' })]: good,
      [of('processDuration', { table, status: 'success', le: '2.048' }, '_bucket')]: good,
      [of('processDuration', { table, status: 'success' }, '_count')]: all,
    })),
  ),
  firing: { '13m': [], '28m': [], '45m': [] },
}))

/** A night in which three rows are written within the hour: one that fails pages nobody, a batch of rows that fails does. */
const night: readonly Case[] = (['Commit', 'Latency'] as const).map((name) => ({
  name: `${name}Budget: one of three that is bad at night, and twelve of them`,
  alert: `Batchflow${name}BudgetBurnsFast`,
  severity: 'critical',
  interval: '1m',
  series: Object.assign(
    {},
    ...[
      { table: 'one', bad: '0x20 1x40', good: '0x10 1x15 2x35', all: '0x10 1x9 2x5 3x35' },
      { table: 'users', bad: '0x20 12x40', good: '0x10 1x15 2x35', all: '0x10 1x9 13x5 14x35' },
    ].map(({ table, bad, good, all }) => ({
      [of('records', { table, status: 'fail' })]: bad,
      [of('records', { table, status: 'success' })]: good,
      [of('processDuration', { table, status: 'success', le: '2.048' }, '_bucket')]: good,
      [of('processDuration', { table, status: 'success' }, '_count')]: all,
    })),
  ),
  firing: { '20m': [], '22m45s': [], '23m': [TABLE] },
}))

export const OBJECTIVE_CASES: readonly Case[] = [...recorded, ...BUDGETS.flatMap(casesOf), ...counters, ...night]
