import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Tally } from '../../../examples/demo/tally.ts'
import type { FlowMetrics, FlowProbe, TableMetrics } from '../../../src/contract/metrics-reporter.ts'

const probe: FlowProbe = {
  database: 'postgres',
  executor: { concurrencyLimit: 4, inflight: 3, outage: undefined, outages: new Map() },
  queueLengths: () => [
    ['a', 5],
    ['b', 7],
  ],
  tables: () => [],
}

/** Notes what reaches the reporter that is wrapped; a private field shows that its methods keep their `this`. */
class Noting {
  readonly #heard: unknown[][] = []

  get heard(): unknown[][] {
    return this.#heard
  }

  countBatch(...args: unknown[]): void {
    this.#heard.push(['countBatch', ...args])
  }

  countRecords(...args: unknown[]): void {
    this.#heard.push(['countRecords', ...args])
  }

  observeExecuteDuration(...args: unknown[]): void {
    this.#heard.push(['observeExecuteDuration', ...args])
  }
}

test('it counts, and the reporter inside hears every word', () => {
  const noting = new Noting()
  let closed = 0
  const inner: FlowMetrics = { table: () => noting as unknown as TableMetrics, close: () => void closed++ }
  const tally = new Tally({ open: () => inner })
  const flow = tally.open(probe)
  const table = flow?.table('a')
  table?.countBatch('fail')
  table?.countRecords('success', 10)
  table?.countRecords('fail', 2)
  table?.observeExecuteDuration(0.5, 'fail', 'constraint')
  flow?.close()
  assert.equal(tally.of('a'), { committed: 10, failed: 2, batches: 1, coalesced: 0, retries: 0 })
  assert.equal(noting.heard, [
    ['countBatch', 'fail'],
    ['countRecords', 'success', 10],
    ['countRecords', 'fail', 2],
    ['observeExecuteDuration', 0.5, 'fail', 'constraint'],
  ])
  assert.is(closed, 1)
})

test('it counts without a reporter inside, per table and in total', () => {
  const tally = new Tally({ open: () => undefined })
  const flow = tally.open(probe)
  flow?.table('a').countError('retry', 'deadlock')
  flow?.table('a').countError('final', 'deadlock')
  flow?.table('b').countError('retry', 'deadlock')
  flow?.table('b').countCoalesced('update', 9)
  flow?.table('b').observeBatchSize(1)
  assert.is(tally.of('a').retries, 1)
  assert.is(tally.total('retries'), 2)
  assert.is(tally.of('b').coalesced, 9)
  assert.is(tally.queued, 12)
  assert.is(tally.inflight, 3)
})

test.run()
