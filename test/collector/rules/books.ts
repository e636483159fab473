/** Rows that must add up, and processes that must be there. */
import { seriesText } from '../../support/promtool/unit-tests.ts'
import { type Case, of, USERS } from './case.ts'

const BOOKS = { alert: 'BatchflowRowsUnaccounted', severity: 'critical', interval: '15s' } as const
const DOWN = { alert: 'BatchflowTargetDown', severity: 'critical', interval: '15s' } as const

function rows(
  labels: Readonly<Record<string, string>>,
  values: Readonly<Record<'accepted' | 'committed' | 'failed' | 'unsettled', string>>,
) {
  return {
    [of('acceptedRecords', labels)]: values.accepted,
    [of('records', { ...labels, status: 'success' })]: values.committed,
    [of('records', { ...labels, status: 'fail' })]: values.failed,
    [of('unsettledRecords', labels)]: values.unsettled,
  }
}

const FINE = { accepted: '100+10x60', committed: '60+8x60', failed: '10+1x60', unsettled: '30+1x60' } as const

const books: readonly Case[] = [
  {
    ...BOOKS,
    name: 'books: a row too few, or one too many, fires after five minutes, in its process and table',
    series: {
      ...rows({}, { ...FINE, accepted: '101+10x60' }),
      ...rows({ instance: 'b' }, { ...FINE, unsettled: '31+1x60' }),
      ...rows({ job: 'web' }, { ...FINE, committed: '62+8x60' }),
      ...rows({ database: 'mysql' }, { ...FINE, failed: '20+1x60' }),
      ...rows({ table: 'fine', test_name: 'x' }, FINE),
      ...rows({ table: 'fine', test_name: 'y' }, FINE),
      ...rows({ table: 'fine', instance: 'b' }, FINE),
    },
    firing: {
      '4m45s': [],
      '5m': [USERS, { ...USERS, instance: 'b' }, { ...USERS, job: 'web' }, { ...USERS, database: 'mysql' }],
    },
  },
  {
    ...BOOKS,
    name: 'books: says how many',
    series: rows({}, { ...FINE, accepted: '103+10x60' }),
    says: {
      at: '10m',
      labels: USERS,
      summary: 'Rows of users are not accounted for',
      description:
        '3 rows of table users (postgres) that app on a accepted are neither settled nor unsettled, or more than it accepted are.',
    },
  },
  {
    ...BOOKS,
    name: 'books: neither a gap nor a reset',
    series: {
      ...rows(
        { table: 'gap' },
        {
          accepted: '100+10x9 _x20 500x40',
          committed: '60+8x9 _x20 400x40',
          failed: '10+1x9 _x20 60x40',
          unsettled: '30+1x9 _x20 40x40',
        },
      ),
      ...rows(
        { table: 'reset' },
        {
          accepted: '100+10x20 0+10x40',
          committed: '60+8x20 0+8x40',
          failed: '10+1x20 0+1x40',
          unsettled: '30+1x20 0+1x40',
        },
      ),
    },
    firing: { '6m': [], '9m': [], '14m': [] },
  },
]

const up = (labels: Readonly<Record<string, string>>) => seriesText('up', labels)
const gone = [{ job: 'app', instance: 'a' }]

const down: readonly Case[] = [
  {
    ...DOWN,
    name: 'down: one process of two cannot be scraped',
    series: {
      [up({ job: 'app', instance: 'a' })]: '1x20 0x40',
      [of('executorConcurrency')]: '4x20 stale',
      [up({ job: 'app', instance: 'z' })]: '0x60',
      [up({ job: 'app', instance: 'b' })]: '1x60',
      [of('executorConcurrency', { instance: 'b' })]: '4x60',
      [up({ job: 'node', instance: 'a' })]: '0x60',
      [up({ job: 'web', instance: 'a' })]: '1x60',
      [of('executorConcurrency', { job: 'web' })]: '4x60',
    },
    firing: { '5m15s': [], '7m': [], '7m15s': gone },
    says: {
      at: '10m',
      labels: { job: 'app', instance: 'a' },
      summary: 'Nothing is known of app',
      description:
        'No metrics come from app a: the process, its page or the way to it is down. No other alert can fire for it.',
    },
  },
  {
    ...DOWN,
    name: 'down: it is known for a day that the process served BatchFlow',
    interval: '5m',
    evaluation: '5m',
    series: { [up({ job: 'app', instance: 'a' })]: '1x2 0x400', [of('executorConcurrency')]: '4x2 stale' },
    firing: { '13h': gone, '24h': gone, '24h20m': [] },
  },
  {
    ...DOWN,
    name: 'down: a scrape that fails now and then, a target that is up again',
    series: {
      [up({ job: 'app', instance: 'a' })]: '1x8 0x7 1x8 0x7 1x40',
      [of('executorConcurrency')]: '4x8 stale _x7 4x8 stale _x7 4x40',
    },
    firing: { '4m': [], '8m': [], '12m': [] },
  },
  {
    ...DOWN,
    name: 'down: nothing comes from a service that sends its metrics; one process less is none of its business, nor a short break',
    series: {
      [up({ job: 'collector', instance: 'c' })]: '1x600',
      [of('executorConcurrency')]: '4x20',
      [of('executorConcurrency', { instance: 'b' })]: '4x20',
      [of('executorConcurrency', { job: 'web', instance: 'a' })]: '4x20',
      [of('executorConcurrency', { job: 'web', instance: 'b' })]: '4x600',
      [of('executorConcurrency', { job: 'pause', instance: 'a' })]: '4x20 _x12 4x560',
    },
    firing: { '8m45s': [], '9m': [{ job: 'app' }], '40m': [{ job: 'app' }], '64m': [{ job: 'app' }], '66m': [] },
  },
]

export const BOOK_CASES: readonly Case[] = [...books, ...down]
