import * as assert from 'uvu/assert'
import { BatchFlow } from '../../../../src/flow/batch-flow.ts'
import { range, tableOf, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'

export const volume: Register = ({ add, can }) => {
  add('a flow that is closed without a row', async (database) => {
    const flow = new BatchFlow(database.executor)
    await flow.flush()
    assert.equal(await flow.close(), { committed: 0, failed: 0, abandoned: 0, abandonedRows: [], undelivered: [] })
  })

  add('50,000 rows in one batch', async (database) => {
    const made = await database.create({ columns: { id: 'integer', name: 'text', amount: 'integer' }, key: ['id'] })
    const rows = range(50_000).map((id) => ({ id, name: `name ${id}`, amount: id % 7 }))
    const { calls } = await writeWell(database.executor, tableOf(made), rows)
    assert.equal(
      calls.filter(([verb]) => verb === 'observeBatchSize').map(([, , size]) => size),
      [50_000],
    )
    assert.is(await made.count(), 50_000)
  })

  if (can.actions.includes('update')) {
    add('50,000 rows updated in one batch', async (database) => {
      const made = await database.create({ columns: { id: 'integer', amount: 'integer' }, key: ['id'] })
      const table = tableOf(made, { action: 'update', keys: ['id'] })
      for (const amount of [1, 2]) {
        await writeWell(
          database.executor,
          table,
          range(50_000).map((id) => ({ id, amount })),
        )
      }
      const rows = await made.rows()
      assert.is(rows.length, 50_000)
      assert.ok(rows.every(({ amount }) => amount === 2))
    })
  }

  add(`${can.mostColumns} columns`, async (database) => {
    const names = range(can.mostColumns - 1, 1).map((i) => `column_${i}`)
    const made = await database.create({
      columns: Object.fromEntries([['id', 'integer'], ...names.map((name) => [name, 'integer'])]),
      key: ['id'],
    })
    const rows = range(100).map((id) => Object.fromEntries([['id', id], ...names.map((name, i) => [name, id + i])]))
    await writeWell(database.executor, tableOf(made), rows)
    const stored = await made.rows()
    assert.is(stored.length, 100)
    assert.equal(stored[99], rows[99])
  })

  add('rows of a megabyte and more', async (database) => {
    const made = await database.create({ columns: { id: 'integer', body: 'long', raw: 'bytes' }, key: ['id'] })
    const rows = range(20, 1).map((id) => ({ id, body: 'ü'.repeat(500_000), raw: Buffer.alloc(1_000_000, id) }))
    await writeWell(database.executor, tableOf(made), rows)
    const stored = await made.rows()
    assert.is(stored.length, 20)
    for (const [i, { body, raw }] of stored.entries()) {
      assert.ok(body === rows[i]!.body, `text of row ${i}`)
      assert.ok(rows[i]!.raw.equals(raw as Buffer), `bytes of row ${i}`)
    }
  })
}
