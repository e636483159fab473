import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { METRICS } from '../../../src/telemetry/metrics/catalogue.ts'
import { type BatchEntry, type Books, bookOf, emptyBooks } from './books.ts'
import { grown } from './restart.ts'
import { RULES, type Rule } from './rules.ts'

function batch(change: Partial<BatchEntry> = {}): BatchEntry {
  const entry = {
    database: 'sqlite',
    table: 'users',
    traceId: 'a',
    spanId: 'b',
    rows: 3,
    bytes: 60,
    plans: [0.001],
    retries: [],
  }
  return { ...entry, executed: 0.02, settled: 0.03, committed: 4, quiet: 0, failed: 0, requests: [], ...change }
}

function booksOf(...batches: BatchEntry[]): Books {
  const books = { ...emptyBooks(), batches }
  for (const { database, table } of batches) bookOf(books, database, table, 'error')
  return books
}

function ask(metric: keyof typeof RULES, books: Books): unknown[] {
  const rule: Rule = RULES[metric]!
  return rule.kind === 'number' ? rule.of(books, 0).map(({ labels, low }) => [labels, low]) : rule.of(books)
}

const users = { table: 'users', database: 'sqlite' }

test('every metric of the catalogue has a rule that says what the ledger has for it', () => {
  const without = Object.values(METRICS).filter(({ name }) => !(name in RULES))
  assert.equal(
    without.map(({ name }) => `${name}: add a rule to test/monitoring/ledger/rules.ts`),
    [],
  )
})

test('rows are counted by their receipts and dead letters, and batches by their worst row', () => {
  const books = booksOf(batch(), batch({ committed: 2, failed: 1, reason: 'constraint', retries: ['deadlock'] }))
  assert.equal(ask('batchflow.batches', books), [
    [{ ...users, status: 'success' }, 1],
    [{ ...users, status: 'fail' }, 1],
  ])
  assert.equal(ask('batchflow.records', books), [
    [{ ...users, status: 'success' }, 6],
    [{ ...users, status: 'fail' }, 1],
  ])
  assert.equal(ask('batchflow.errors', books), [
    [{ ...users, type: 'retry:deadlock', 'error.type': 'deadlock' }, 1],
    [{ ...users, type: 'final:constraint', 'error.type': 'constraint' }, 1],
  ])
})

test('rows that nobody awaits are committed unless their batch failed', () => {
  const books = booksOf(batch({ committed: 0, quiet: 3 }), batch({ committed: 0, quiet: 3, failed: 3, reason: 'io' }))
  assert.equal(ask('batchflow.records', books)[0], [{ ...users, status: 'success' }, 3])
})

test('tables past the sixtieth are one', () => {
  const books = booksOf(...Array.from({ length: 63 }, (_, i) => batch({ table: `t${i}`, rows: 2 })))
  const flushes = ask('batchflow.pipeline.flushes', books)
  assert.is(flushes.length, 61)
  assert.equal(flushes.at(-1), [{ table: '_other', database: 'sqlite' }, 3])
})

test('gauges are 0 but for what stands still', () => {
  const books = booksOf(batch())
  assert.equal(ask('batchflow.pipeline.queue.length', books), [[users, 0]])
  books.held = [{ ...users, queued: 5, unsettled: 9, inflight: 2, limit: 2, since: 0 }]
  assert.equal(ask('batchflow.pipeline.queue.length', books), [[users, 5]])
  assert.equal(ask('batchflow.inflight.batches', books), [[{ database: 'sqlite' }, 2]])
})

test('a counter that falls has begun at 0 again', () => {
  assert.is(grown([0, 5, 9, 9]), 9)
  assert.is(grown([3, 9, 2, 4]), 13)
  assert.is(grown([]), 0)
})

test.run()
