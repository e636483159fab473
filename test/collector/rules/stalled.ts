/** Rows that wait: tables that stand still, rows that are too old, databases that are away. */
import { type Case, of, USERS, without } from './case.ts'

const STALLED = { alert: 'BatchflowStalled', severity: 'critical', interval: '15s' } as const
const OLD = { alert: 'BatchflowOldestRowTooOld', severity: 'warning', interval: '15s' } as const
const AWAY = { alert: 'BatchFlowDatabaseUnreachable', severity: 'critical', interval: '15s' } as const

const FAIL = { status: 'fail' }
const SUCCESS = { status: 'success' }
const PROCESS = without(USERS, 'table')

/** Settles rows for 4 minutes, then a lock is held for 3 minutes, then goes on. */
const HELD = {
  [of('oldestRecordAge')]: '0x16 15+15x11 0x40',
  [of('records', SUCCESS)]: '0+5x16 80x11 85+5x40',
  [of('records', FAIL)]: '3x70',
}

const stalled: readonly Case[] = [
  {
    ...STALLED,
    name: 'stalled: a lock held for 3 minutes fires within two, and ends with it; other tables and processes do not',
    series: {
      ...HELD,
      [of('executorPaused')]: '0x70',
      [of('oldestRecordAge', { instance: 'b' })]: '0x70',
      [of('records', { instance: 'b', ...SUCCESS })]: '0+5x70',
      [of('oldestRecordAge', { database: 'mysql' })]: '1x70',
      [of('records', { database: 'mysql', ...SUCCESS })]: '0+5x70',
      [of('oldestRecordAge', { table: 'idle' })]: '0x70',
      [of('records', { table: 'idle', ...SUCCESS })]: '80x70',
      [of('oldestRecordAge', { job: 'web' })]: '0x70',
      [of('records', { job: 'web', ...SUCCESS })]: '0+5x70',
    },
    firing: { '4m45s': [], '5m15s': [], '5m30s': [USERS], '6m45s': [USERS], '7m15s': [], '12m': [] },
    says: {
      at: '6m',
      labels: USERS,
      summary: 'Rows of users wait, and none is settled',
      description:
        'The oldest row of table users (postgres) in app on a has been waiting for 2m 0s, and not one row was settled within 45 seconds.',
    },
  },
  {
    ...STALLED,
    name: 'stalled: one batch of five rows in flight, the first that the process ever had, no concurrency limit',
    series: {
      [of('oldestRecordAge')]: '_x8 0+15x30',
      [of('records', SUCCESS)]: '_x8 0x30',
      [of('records', FAIL)]: '_x8 0x30',
      [of('unsettledRecords')]: '_x8 5x30',
      [of('executorConcurrency')]: '_x4 0x34',
      [of('executorPaused')]: '_x4 0x34',
    },
    firing: { '3m15s': [], '3m30s': [USERS], '9m': [USERS] },
  },
  {
    ...STALLED,
    name: 'stalled: rows that wait up to 45 s are none of its business, and as little a row that is old while others settle',
    series: {
      [of('oldestRecordAge', { table: 'edge' })]: '45x40',
      [of('records', { table: 'edge', ...SUCCESS })]: '7x40',
      [of('oldestRecordAge', { table: 'slow' })]: '100x40',
      [of('records', { table: 'slow', ...SUCCESS })]: '1x4 2x4 3x4 4x4 5x4 6x4 7x4 8x4',
      [of('oldestRecordAge', { table: 'bad' })]: '100x40',
      [of('records', { table: 'bad', ...SUCCESS })]: '7x40',
      [of('records', { table: 'bad', ...FAIL })]: '0+1x40',
    },
    firing: { '3m': [], '5m': [], '7m': [], '8m': [], '9m': [] },
  },
  {
    ...STALLED,
    name: 'stalled: some test_name settles rows, so the table does not stand still',
    series: {
      [of('oldestRecordAge', { test_name: 'x' })]: '100x40',
      [of('records', { test_name: 'x', ...SUCCESS })]: '7x40',
      [of('oldestRecordAge', { test_name: 'y' })]: '1x40',
      [of('records', { test_name: 'y', ...SUCCESS })]: '0+1x40',
    },
    firing: { '5m': [] },
  },
  {
    ...STALLED,
    name: 'stalled: the oldest of several flows counts',
    series: {
      [of('oldestRecordAge', { test_name: 'x' })]: '100x40',
      [of('oldestRecordAge', { test_name: 'y' })]: '0x40',
      [of('records', SUCCESS)]: '7x40',
    },
    firing: { '5m': [USERS] },
  },
  {
    ...STALLED,
    name: 'stalled: not while its database is known to be away, scrapes that fail included; the other database of the process does',
    series: {
      [of('oldestRecordAge')]: '0x8 15+15x8 _x6 270+15x10',
      [of('records', SUCCESS)]: '7x16 _x6 7x11',
      [of('executorPaused', { test_name: 'x' })]: '0x8 1x8 _x6 1x10',
      [of('executorPaused', { test_name: 'y' })]: '0x16 _x6 0x10',
      [of('oldestRecordAge', { database: 'mysql' })]: '100x16 _x6 100x11',
      [of('records', { database: 'mysql', ...SUCCESS })]: '7x16 _x6 7x11',
      [of('executorPaused', { database: 'mysql' })]: '0x16 _x6 0x11',
      [of('oldestRecordAge', { instance: 'b' })]: '100x33',
      [of('records', { instance: 'b', ...SUCCESS })]: '7x33',
      [of('executorPaused', { instance: 'b' })]: '0x33',
      [of('oldestRecordAge', { job: 'web' })]: '100x33',
      [of('records', { job: 'web', ...SUCCESS })]: '7x33',
      [of('executorPaused', { job: 'web' })]: '0x33',
    },
    firing: Object.fromEntries(
      ['3m45s', '4m', '5m', '5m30s', '5m45s', '7m'].map((time) => [
        time,
        [
          { ...USERS, database: 'mysql' },
          { ...USERS, instance: 'b' },
          { ...USERS, job: 'web' },
        ],
      ]),
    ),
  },
  {
    ...STALLED,
    name: 'stalled: scrapes that fail do not end it, a process that is gone does, a gap does not begin it',
    series: {
      [of('oldestRecordAge')]: '100x20 stale _x6 200x8 stale _x40',
      [of('records', SUCCESS)]: '7x20 stale _x6 7x8 stale _x40',
      [of('oldestRecordAge', { table: 'gap' })]: '100x2 stale _x14 300x20 stale _x40',
      [of('records', { table: 'gap', ...SUCCESS })]: '7x2 stale _x14 7x20 stale _x40',
    },
    firing: {
      '3m': [USERS],
      '5m30s': [USERS],
      '5m45s': [USERS, { ...USERS, table: 'gap' }],
      '6m45s': [USERS, { ...USERS, table: 'gap' }],
      '8m45s': [USERS, { ...USERS, table: 'gap' }],
      '11m15s': [{ ...USERS, table: 'gap' }],
      '11m30s': [],
    },
  },
  {
    ...STALLED,
    name: 'stalled: a restart is no standstill',
    series: {
      [of('oldestRecordAge')]: '0x8 stale 0x4 60x1 0x20',
      [of('records', SUCCESS)]: '900+10x8 stale 0+10x25',
    },
    firing: { '2m30s': [], '3m30s': [], '5m': [] },
  },
]

const tooOld: readonly Case[] = [
  {
    ...OLD,
    name: 'too old: a row that waits for over 2 minutes while others are settled fires for its table in its process',
    series: {
      [of('oldestRecordAge', { test_name: 'x' })]: '0+15x20',
      [of('oldestRecordAge', { test_name: 'y' })]: '0x20',
      [of('records', SUCCESS)]: '0+9x20',
      [of('executorPaused')]: '0x20',
      [of('oldestRecordAge', { instance: 'b' })]: '120x20',
      [of('oldestRecordAge', { table: 'orders' })]: '100x20',
      [of('oldestRecordAge', { database: 'mysql' })]: '2x20',
      [of('oldestRecordAge', { job: 'web' })]: '0x20',
    },
    firing: { '2m30s': [], '2m45s': [USERS], '5m': [USERS] },
    says: {
      at: '4m',
      labels: USERS,
      summary: 'A row of users does not get through',
      description: 'The oldest row of table users (postgres) in app on a has been waiting for 4m 0s.',
    },
  },
  {
    ...OLD,
    name: 'too old: not while the database is known to be away, nor right after; others are not excused by it',
    series: {
      [of('oldestRecordAge')]: '0x4 15+15x16 _x6 400x4 420 0x20',
      [of('executorPaused', { test_name: 'x' })]: '0x4 1x16 _x6 1x4 0 0x20',
      [of('executorPaused', { test_name: 'y' })]: '0x20 _x6 0x25',
      [of('oldestRecordAge', { database: 'redis' })]: '200x60',
      [of('executorPaused', { database: 'redis' })]: '0 1x60',
      [of('oldestRecordAge', { database: 'mysql' })]: '200x60',
      [of('oldestRecordAge', { instance: 'b' })]: '200x60',
      [of('oldestRecordAge', { job: 'web' })]: '200x60',
    },
    firing: Object.fromEntries(
      ['1m', '4m', '5m', '6m', '6m30s', '6m45s', '7m', '8m', '9m'].map((time) => [
        time,
        [
          { ...USERS, database: 'mysql' },
          { ...USERS, instance: 'b' },
          { ...USERS, job: 'web' },
        ],
      ]),
    ),
  },
  {
    ...OLD,
    name: 'too old: scrapes that fail do not end it, a process that is gone and a new one do',
    series: { [of('oldestRecordAge')]: '200x20 stale _x6 300x8 stale _x10 0x20' },
    firing: { '4m': [USERS], '6m45s': [USERS], '8m45s': [USERS], '10m45s': [USERS], '11m15s': [] },
  },
]

const away: readonly Case[] = [
  {
    ...AWAY,
    name: 'away: over a minute fires for the process that waits, and ends with the outage',
    series: {
      [of('executorPaused', { test_name: 'x' })]: '0x20 1x40 0x60',
      [of('executorPaused', { test_name: 'y' })]: '0x20 1x40 0x60',
      [of('executorPaused', { instance: 'b', test_name: 'x' })]: '0x120',
      [of('executorPaused', { database: 'redis', test_name: 'x' })]: '0x120',
      [of('executorPaused', { job: 'web' })]: '0x120',
    },
    firing: { '5m15s': [], '6m': [], '6m15s': [PROCESS], '15m': [PROCESS], '15m30s': [], '17m': [] },
    says: {
      at: '8m',
      labels: PROCESS,
      summary: 'postgres takes no batch of app',
      description:
        '2 executors of app on a have been waiting for postgres for more than a minute: it cannot be reached or logged in to, is read-only, or is out of space. Rows are kept and callers held back, until maxOutage is over.',
    },
  },
  {
    ...AWAY,
    name: 'away: outages of under a minute do not fire, however many',
    series: { [of('executorPaused')]: '0x3 1x2 0x4 1x2 0x4 1x2 0x4 1x2 0x4 1x2 0x20' },
    firing: { '2m': [], '3m45s': [], '4m': [], '5m45s': [], '6m': [], '8m': [] },
  },
  {
    ...AWAY,
    name: 'away: a failing scrape does not begin the minute anew, a process that is gone ends it',
    series: { [of('executorPaused')]: '0x8 1x6 stale _x5 1x4 stale _x40' },
    firing: { '3m': [], '3m30s': [PROCESS], '5m': [PROCESS], '5m15s': [PROCESS], '8m30s': [], '9m30s': [] },
  },
]

export const STALLED_CASES: readonly Case[] = [...stalled, ...tooOld, ...away]
