import * as assert from 'uvu/assert'
import { range, reasonsOf, tableOf, writeAll } from '../harness.ts'
import type { Register } from '../register.ts'

/** Good rows of four batches. */
const SUM = 40_000 - 1011

export const badRows: Register = ({ add, can }) => {
  if (!can.checks) return
  const CHECKED = { columns: { id: 'integer', amount: 'integer' }, key: ['id'], check: '"amount" >= 0' } as const

  add('rows that violate a constraint fail, and only they', async (database) => {
    const made = await database.create(CHECKED)
    const bad = [0, 7, 250, 251, 499]
    const rows = range(500).map((id) => ({ id, amount: bad.includes(id) ? -1 : id }))
    const written = await writeAll(database.executor, tableOf(made), rows)
    assert.equal(reasonsOf(written), Object.fromEntries(bad.map((i) => [i, 'constraint'])))
    assert.equal([written.summary.committed, written.summary.failed], [495, 5])
    assert.equal(
      (await made.rows()).map(({ id }) => id),
      range(500).filter((id) => !bad.includes(id)),
    )
  })

  add('a bad row among updates', async (database) => {
    const made = await database.create(CHECKED)
    const table = tableOf(made, { action: 'update', keys: ['id'] })
    const rows = range(20).map((id) => ({ id, amount: id === 11 ? -1 : id }))
    for (let times = 0; times < 2; times++) {
      assert.equal(reasonsOf(await writeAll(database.executor, table, rows)), { 11: 'constraint' })
    }
    assert.is(await made.count(), 19)
  })

  add('values that cannot be encoded fail alone, beside rows that are refused', async (database) => {
    const made = await database.create(CHECKED)
    const table = tableOf(made)
    const amounts: Record<number, unknown> = { 3: -1, 4: () => 1, 9: Symbol('amount'), 17: -1, 30: () => 2 }
    const rows = range(40).map((id) => ({ id, amount: amounts[id] ?? id }))
    const reasons = { 3: 'constraint', 4: 'invalid_data', 9: 'invalid_data', 17: 'constraint', 30: 'invalid_data' }
    assert.equal(reasonsOf(await writeAll(database.executor, table, rows)), reasons)
    assert.is(await made.count(), 35)
    const unfit = [
      { id: 100, amount: () => 1 },
      { id: 101, amount: -1 },
      { id: 102, amount: () => 1 },
    ]
    const written = await writeAll(database.executor, table, unfit)
    assert.equal(reasonsOf(written), { 0: 'invalid_data', 1: 'constraint', 2: 'invalid_data' })
    const none = await writeAll(database.executor, table, [unfit[0]!, unfit[2]!])
    assert.equal(reasonsOf(none), { 0: 'invalid_data', 1: 'invalid_data' })
    assert.is(await made.count(), 35)
  })

  for (const action of ['error', 'update'] as const) {
    add(`0, 1, 10, 1,000 bad rows of 10,000, ${action}`, async (database) => {
      const made = await database.create(CHECKED)
      for (const count of [0, 1, 10, 1000]) {
        const from = count * 10_000
        const bad = new Set(range(count).map((i) => from + Math.floor(((i + 0.5) * 10_000) / count)))
        const rows = range(10_000, from).map((id) => ({ id, amount: bad.has(id) ? -1 : id }))
        const table = tableOf(made, action === 'error' ? { action } : { action, keys: ['id'] })
        const start = performance.now()
        const written = await writeAll(database.executor, table, rows)
        console.log(`${action}: ${count} of 10,000 bad, ${(performance.now() - start).toFixed(0)} ms`)
        const expected = [...bad].map((id) => [id - from, 'constraint'])
        assert.equal(reasonsOf(written), Object.fromEntries(expected))
      }
      const ids = (await made.rows()).map(({ id }) => Number(id))
      assert.equal([ids.length, new Set(ids).size], [SUM, SUM])
    })
  }

  add('all rows bad', async (database) => {
    const made = await database.create(CHECKED)
    const written = await writeAll(
      database.executor,
      tableOf(made),
      range(9).map((id) => ({ id, amount: -1 })),
    )
    assert.is(Object.keys(reasonsOf(written)).length, 9)
    assert.is(await made.count(), 0)
  })

  if (can.wholeBatches) {
    add('without isolation a batch with a bad row fails whole', async (database) => {
      const made = await database.create(CHECKED)
      const rows = range(1000).map((id) => ({ id, amount: id === 990 ? -1 : id }))
      const written = await writeAll(database.executor.withIsolation(false), tableOf(made), rows)
      assert.is(written.summary.failed, 1000)
      assert.equal(written.errors, ['final:constraint'])
      assert.is(await made.count(), 0)
    })
  }
}
