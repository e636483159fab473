/** Single events: the first one fires, the first sight of a counter does not. */
import type { Labels } from '../../support/promtool/unit-tests.ts'
import { type Case, of, USERS, without } from './case.ts'

interface Event {
  readonly alert: string
  readonly metric: 'errors' | 'deadLetters' | 'submitRejected' | 'sourceMessages'
  readonly label: 'type' | 'reason' | 'outcome'
  /** Values that count, and those that do not. Where just one counts, the alert does not name it. */
  readonly values: readonly [string, string?]
  /** What the events are about. @default 'table' */
  readonly about?: 'table' | 'source'
  readonly ignored: readonly string[]
  readonly summary: string
  readonly description: string
}

const EVENTS: readonly Event[] = [
  {
    alert: 'BatchflowFinalFailures',
    metric: 'errors',
    label: 'type',
    values: ['final:constraint', 'final:syntax'],
    ignored: ['final:context', 'retry:deadlock'],
    summary: 'Batches of users are given up',
    description:
      'app gave up about 20 batches of table users (postgres) within 10 minutes, reason final:constraint. Rows of them are not committed.',
  },
  {
    alert: 'BatchflowDeadLetters',
    metric: 'deadLetters',
    label: 'reason',
    values: ['invalid_data', 'context'],
    ignored: [],
    summary: 'Rows of users went to the dead-letter handler',
    description:
      'app handed about 20 rows of table users (postgres) to its dead-letter handler within 10 minutes, reason invalid_data.',
  },
  {
    alert: 'BatchflowSubmitsRejected',
    metric: 'submitRejected',
    label: 'reason',
    values: ['full', 'closed'],
    ignored: ['context'],
    summary: 'Rows of users are refused',
    description:
      'app had about 20 rows of table users (postgres) refused within 10 minutes, reason full. They were never accepted.',
  },
]

export function eventCases(event: Event): readonly Case[] {
  const { alert, metric, label, values, ignored, summary, description, about = 'table' } = event
  const [value, other] = values
  const head = { alert, severity: 'warning', interval: '1m' } as const
  const x = (labels: Readonly<Record<string, string>> = {}) =>
    of(metric, { [about]: 'users', [label]: value, ...labels })
  const named = other === undefined ? {} : { [label]: value }
  const users: Labels = { ...without(USERS, 'instance', 'table'), [about]: 'users', ...named }
  const more = other === undefined ? [] : [{ [label]: other }]
  const alive = { [of('executorConcurrency')]: '0x60' }
  const unimportant = Object.fromEntries(ignored.map((name) => [x({ [label]: name }), '_x5 3+7x55']))
  return [
    {
      ...head,
      name: `${alert}: the very first event fires, and ends ten minutes later`,
      series: {
        ...alive,
        ...unimportant,
        [of('executorConcurrency', { test_name: 'late' })]: '_x9 0x50',
        [x()]: '_x9 1x50',
      },
      firing: { '8m45s': [], '9m': [users], '17m45s': [users], '18m': [], '40m': [] },
    },
    {
      ...head,
      name: `${alert}: further events fire once, whatever the number of processes, and end ten minutes after the last`,
      series: {
        ...alive,
        ...unimportant,
        [of('executorConcurrency', { instance: 'b' })]: '0x60',
        [x()]: '5x20 6+1x20 26x20',
        [x({ instance: 'b' })]: '5x20 6+1x20 26x20',
        [x({ instance: 'c' })]: '5x60',
      },
      firing: { '20m45s': [], '21m': [users], '49m45s': [users], '50m': [], '60m': [] },
      says: { at: '35m', labels: users, summary, description },
    },
    {
      ...head,
      name: `${alert}: each service, database, table and reason has its own`,
      series: {
        ...alive,
        [of('executorConcurrency', { job: 'web' })]: '_x5 0x55',
        [x()]: '1x20 2x40',
        [x({ job: 'web' })]: '_x5 1x15 2x40',
        [x({ database: 'mysql' })]: '1x20 2x40',
        [x({ [about]: 'orders' })]: '1x20 2x40',
        ...Object.assign({}, ...more.map((labels) => ({ [x(labels)]: '1x20 2x40' }))),
      },
      firing: {
        '20m45s': [],
        '21m': [
          users,
          { ...users, job: 'web' },
          { ...users, database: 'mysql' },
          { ...users, [about]: 'orders' },
          ...more.map((labels) => ({ ...users, ...labels })),
        ],
      },
    },
    {
      ...head,
      name: `${alert}: a Prometheus that sees old counters for the first time is silent`,
      series: { [of('executorConcurrency')]: '_x3 0x60', [x()]: '_x3 449x60' },
      firing: { '3m': [], '3m30s': [], '10m': [], '12m': [], '14m': [] },
    },
    {
      ...head,
      name: `${alert}: the first sight of a counter after a gap in scraping is silent`,
      series: {
        [of('executorConcurrency')]: '0x10 stale _x13 0x40',
        [x()]: '5x10 stale _x13 12x40',
        [x({ [about]: 'meanwhile' })]: '_x25 12x40',
        [x({ [about]: 'orders' })]: '_x26 12x40',
      },
      firing: { '10m': [], '25m': [], '25m45s': [], '28m': [{ ...users, [about]: 'orders' }], '60m': [] },
    },
    {
      ...head,
      name: `${alert}: a restart is no event, the first one after it is`,
      series: {
        [of('executorConcurrency')]: '0x14 stale 0x40',
        [x()]: '7x14 stale _x40',
        [x({ [about]: 'orders' })]: '7x14 stale _x5 1x30',
      },
      firing: { '14m': [], '16m': [], '20m': [], '21m': [{ ...users, [about]: 'orders' }], '40m': [] },
    },
    {
      ...head,
      name: `${alert}: a restart of a process that sends its metrics, whose old counters end without a mark, is no event`,
      series: { ...alive, [x()]: '_x2 7x11' },
      firing: { '2m': [users], '13m': [], '14m': [], '15m': [], '17m': [], '20m': [] },
    },
  ]
}

export const EVENT_CASES: readonly Case[] = EVENTS.flatMap(eventCases)
