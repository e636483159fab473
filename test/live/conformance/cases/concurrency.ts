import * as assert from 'uvu/assert'
import type { Table } from '../../../../src/contract/table.ts'
import { BatchFlow } from '../../../../src/flow/batch-flow.ts'
import { settled } from '../../../support/engine/clock.ts'
import { range, tableOf } from '../harness.ts'
import type { Register } from '../register.ts'

export const concurrency: Register = ({ add, can }) => {
  if (!can.actions.includes('update')) return

  add('hot keys never go back, with eight batches in flight', async (database) => {
    const made = await database.create({ columns: { id: 'integer', version: 'integer' }, key: ['id'] })
    const table = tableOf(made, { action: 'update', keys: ['id'] }) as Table<object>
    const executor = database.executor.withConcurrencyLimit(8).withRetry({ maxAttempts: 5, backoffBase: 1 })
    const flow = new BatchFlow(executor, { flushSize: 10, flushInterval: 1 })
    const latest = new Map<number, number>()
    let closed = false
    const watching = (async () => {
      for (; !closed; await settled()) latestOf(await made.rows(), latest)
    })()
    for (const version of range(20_000)) await flow.submit(table, { id: version % 100, version })
    const summary = await flow.close()
    closed = true
    await watching
    latestOf(await made.rows(), latest)
    assert.equal([summary.committed, summary.failed], [20_000, 0])
    assert.equal(
      range(100).map((id) => latest.get(id)),
      range(100, 19_900),
    )
  })
}

/** Notes the versions that are there now; fails when one is older than before. */
function latestOf(rows: readonly Record<string, unknown>[], latest: Map<number, number>): void {
  for (const row of rows) {
    const [id, version] = [row['id'] as number, row['version'] as number]
    const before = latest.get(id) ?? -1
    assert.ok(version >= before, `key ${id} went back from ${before} to ${version}`)
    latest.set(id, version)
  }
}
