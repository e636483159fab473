/** Workers over durable logs: those that stand still, that are behind, that put messages aside. */
import { type Case, of, USERS, without } from './case.ts'
import { eventCases } from './events.ts'

const STALLED = { alert: 'BatchflowSourceStalled', severity: 'critical', interval: '15s' } as const
const LATE = { alert: 'BatchflowSourceLagHigh', severity: 'warning', interval: '15s' } as const

const WORKER = { ...without(USERS, 'table'), source: 'kafka' }
const SERVICE = without(WORKER, 'instance')
type Labels = Readonly<Record<string, string>>

const lag = (labels: Labels = {}) => of('sourceLag', { source: 'kafka', partition: '0', ...labels })
const messages = (labels: Labels = {}) => of('sourceMessages', { source: 'kafka', outcome: 'committed', ...labels })
const age = (labels: Labels = {}) => of('sourceLagSeconds', { source: 'kafka', partition: '0', ...labels })

const OTHERS: readonly Labels[] = [{ job: 'web' }, { instance: 'b' }, { database: 'mysql' }, { source: 'nats' }]

const stalled: readonly Case[] = [
  {
    ...STALLED,
    name: 'source stalled: messages are there and none is settled, in one worker of several; ends when it goes on',
    series: {
      [lag()]: '0x16 7x40 0x20',
      [lag({ partition: '1' })]: '0x16 3x40 0x20',
      [messages()]: '0+5x16 80x40 90+5x20',
      [messages({ outcome: 'dropped' })]: '3x76',
      [lag({ instance: 'b' })]: '7x76',
      [messages({ instance: 'b' })]: '0+5x76',
      [lag({ source: 'dropping' })]: '7x76',
      [messages({ source: 'dropping' })]: '7x76',
      [messages({ source: 'dropping', outcome: 'dropped' })]: '0+1x76',
      [lag({ source: 'idle' })]: '0x76',
      [messages({ source: 'idle' })]: '80x76',
    },
    firing: { '6m45s': [], '7m': [WORKER], '14m': [WORKER], '14m30s': [], '16m': [] },
    says: {
      at: '10m',
      labels: WORKER,
      summary: 'Nothing is read from kafka',
      description: '10 messages of kafka wait for app on a, and not one was settled within 120 seconds.',
    },
  },
  {
    ...STALLED,
    name: 'source stalled: each service, process, database and source has its own',
    series: {
      [lag()]: '0x60',
      [messages()]: '0+1x60',
      ...Object.assign({}, ...OTHERS.map((labels) => ({ [lag(labels)]: '1x60', [messages(labels)]: '5x60' }))),
    },
    firing: {
      '3m': OTHERS.map((labels) => ({ ...WORKER, ...labels })),
      '14m': OTHERS.map((labels) => ({ ...WORKER, ...labels })),
    },
  },
  {
    ...STALLED,
    name: 'source stalled: not while its database is known to be away; others are not excused by that',
    series: {
      [lag()]: '9x60',
      [messages()]: '5x60',
      [of('executorPaused', { test_name: 'x' })]: '1x60',
      [of('executorPaused', { test_name: 'y' })]: '0x60',
      ...Object.assign(
        {},
        ...OTHERS.slice(0, 3).map((labels) => ({
          [lag(labels)]: '9x60',
          [messages(labels)]: '5x60',
          [of('executorPaused', labels)]: '0x60',
        })),
      ),
    },
    firing: { '10m': OTHERS.slice(0, 3).map((labels) => ({ ...WORKER, ...labels })) },
  },
  {
    ...STALLED,
    name: 'source stalled: scrapes that fail do not end it, a gap does not begin it, a restart and a pause are no standstill',
    series: {
      [lag()]: '9x20 stale _x6 9x8 stale _x40',
      [messages()]: '5x20 stale _x6 5x8 stale _x40',
      [lag({ source: 'gap' })]: '9x2 stale _x30 9x4',
      [messages({ source: 'gap' })]: '5x2 stale _x30 5x4',
      [lag({ source: 'reset' })]: '9x60',
      [messages({ source: 'reset' })]: '900+10x20 stale 0+10x38',
      [lag({ source: 'pause' })]: '0x20 9x3 0x40',
      [messages({ source: 'pause' })]: '5x20 5x3 6x40',
    },
    firing: { '3m': [WORKER], '6m': [WORKER], '8m45s': [WORKER], '9m45s': [WORKER], '11m30s': [] },
  },
]

const late: readonly Case[] = [
  {
    ...LATE,
    name: 'source late: over five minutes behind for five minutes, in one partition; five minutes are not over it',
    series: {
      [age()]: '0+15x60',
      [age({ instance: 'b', partition: '0' })]: '0x60',
      [age({ partition: '1' })]: '300x60',
      [age({ partition: '2' })]: '301x60',
      [age({ job: 'web' })]: '400x60',
      [age({ database: 'mysql' })]: '400x60',
      [age({ source: 'nats' })]: '400x60',
    },
    firing: {
      '4m45s': [],
      '5m': [
        { ...SERVICE, partition: '2' },
        ...[{ job: 'web' }, { database: 'mysql' }, { source: 'nats' }].map((labels) => ({
          ...SERVICE,
          partition: '0',
          ...labels,
        })),
      ],
      '11m': [
        ...['0', '2'].map((partition) => ({ ...SERVICE, partition })),
        ...[{ job: 'web' }, { database: 'mysql' }, { source: 'nats' }].map((labels) => ({
          ...SERVICE,
          partition: '0',
          ...labels,
        })),
      ],
    },
  },
  {
    ...LATE,
    name: 'source late: says how far; a scrape that fails does not begin it anew, a worker that is gone ends it',
    series: { [age()]: '0+15x40 stale _x5 705+15x20 stale _x20', [age({ source: 'spiky' })]: '0x20 900x15 0x40' },
    firing: {
      '10m': [],
      '10m15s': [{ ...SERVICE, partition: '0' }],
      '16m': [{ ...SERVICE, partition: '0' }],
      '19m': [],
    },
    says: {
      at: '14m',
      labels: { ...SERVICE, partition: '0' },
      summary: 'app is behind in kafka',
      description:
        'The oldest message of partition 0 of kafka that app has not settled has been in the log for 14m 0s; for 5 minutes it has been more than 300 s.',
    },
  },
]

const put = eventCases({
  alert: 'BatchflowSourceDeadLetters',
  metric: 'sourceMessages',
  label: 'outcome',
  values: ['dead_lettered'],
  about: 'source',
  ignored: ['committed', 'dropped'],
  summary: 'Messages of users are put aside',
  description:
    'app put about 20 messages of users aside within 10 minutes: they could not be read, or their rows not be written.',
})

export const SOURCE_CASES: readonly Case[] = [...stalled, ...late, ...put]
