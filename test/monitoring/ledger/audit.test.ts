import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { METRICS } from '../../../src/telemetry/metrics/catalogue.ts'
import type { Labels, Sample } from '../api.ts'
import { ROUTES, type Route } from '../routes.ts'
import { entriesOf } from './audit.ts'
import { type BatchEntry, type Books, bookOf, emptyBooks } from './books.ts'

const users = { table: 'users', database: 'sqlite' }

function booksOf(...executed: number[]): Books {
  const batches = executed.map(
    (seconds): BatchEntry => ({
      ...users,
      traceId: 'a',
      spanId: 'b',
      rows: 1,
      bytes: 0,
      plans: [],
      retries: [],
      executed: seconds,
      settled: seconds,
      committed: 1,
      quiet: 0,
      failed: 0,
      requests: [],
    }),
  )
  const books = { ...emptyBooks(), batches }
  bookOf(books, users.database, users.table, 'error')
  return books
}

function sample(name: string, labels: Labels, value: number): Sample {
  return { labels: { __name__: name, job: 'j', instance: 'i', test_name: 'ledger', ...labels }, value }
}

function everywhere(samples: readonly Sample[], change: Partial<Record<Route, readonly Sample[]>> = {}) {
  const found = Object.fromEntries(ROUTES.map((route) => [route, samples]))
  return { ...found, ...change } as Record<Route, readonly Sample[]>
}

const batches = (count: number, labels: Labels = { ...users, status: 'success' }) =>
  sample('batchflow_batches_total', labels, count)

test('a count that is the ledger’s by every route is right', () => {
  const [entry] = entriesOf(METRICS.batches, booksOf(0.1, 0.1), everywhere([batches(2)]), 0)
  assert.equal(entry, {
    question: 'batchflow_batches_total',
    ledger: '2',
    values: { direct: 2, exporter: 2, collector: 2, otlp: 2 },
    problems: [],
  })
})

test('a count that is wrong everywhere alike is told, and so is a series nobody knows of', () => {
  const doubled = entriesOf(METRICS.batches, booksOf(0.1), everywhere([batches(2)]), 0)
  assert.is(doubled[0]?.problems.length, ROUTES.length)
  const strange = everywhere([batches(1)], { otlp: [batches(1), batches(1, { ...users, status: 'odd' })] })
  assert.equal(entriesOf(METRICS.batches, booksOf(0.1), strange, 0)[0]?.problems, [
    'batchflow_batches_total{database="sqlite", status="odd", table="users"}: otlp has 1, the ledger 0',
  ])
})

test('a label that is lost leaves a series that is missing', () => {
  const [entry] = entriesOf(METRICS.batches, booksOf(0.1), everywhere([batches(1)], { direct: [batches(1, users)] }), 0)
  assert.equal(entry?.problems, [
    'batchflow_batches_total{database="sqlite", status="success", table="users"}: direct has no such series, the ledger 1',
    'batchflow_batches_total{database="sqlite", table="users"}: direct has 1, the ledger 0',
  ])
})

test('a duration may be off by what the clocks are, in its sum and in its buckets', () => {
  const labels = { ...users, status: 'success' }
  const bucket = (le: string, count: number) =>
    sample('batchflow_execute_duration_seconds_bucket', { ...labels, le }, count)
  const of = (seconds: number) => [
    sample('batchflow_execute_duration_seconds_count', labels, 1),
    sample('batchflow_execute_duration_seconds_sum', labels, seconds),
    ...METRICS.executeDuration.buckets.map((le) => bucket(String(le), seconds <= le ? 1 : 0)),
    bucket('+Inf', 1),
  ]
  const problems = (seconds: number) =>
    entriesOf(METRICS.executeDuration, booksOf(1), everywhere(of(seconds)), 0).map((entry) => entry.problems.length)
  assert.equal(problems(1.01), [0, 0, 0])
  const [counts, sums = 0, buckets = 0] = problems(1000)
  assert.is(counts, 0)
  assert.ok(sums > 0)
  assert.ok(buckets > 0)
})

test('a metric without a rule is told, with where to add one', () => {
  const [entry] = entriesOf({ ...METRICS.batches, name: 'batchflow.unheard.of' }, booksOf(), everywhere([]), 0)
  assert.equal(entry?.problems, [
    'batchflow_unheard_of_total: no rule says what the ledger has for it; add one to test/monitoring/ledger/rules.ts',
  ])
})

test.run()
