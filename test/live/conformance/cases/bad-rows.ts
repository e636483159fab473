import * as assert from 'uvu/assert'
import { range, reasonsOf, tableOf, writeAll } from '../harness.ts'
import type { Register } from '../register.ts'

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
