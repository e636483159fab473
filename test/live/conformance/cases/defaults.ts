import * as assert from 'uvu/assert'
import { defineTable, type OnConflict } from '../../../../src/contract/table.ts'
import type { AnyRow } from '../backend.ts'
import { range, writeAll, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'

const COLUMNS = ['id', 'a', 'b', 'v'] as const

/** Keys that the database makes. */
const IDENTITIES: readonly [backend: string, type: string][] = [
  ['postgres', 'integer generated always as identity'],
  ['mysql', 'integer auto_increment'],
  ['sqlite', 'integer primary key'],
]

export const defaults: Register = ({ add, can, backend }) => {
  /** Where there is no such thing a column is NULL. */
  const [a, b] = can.checks ? [7, 'x'] : [null, null]
  const plain = { id: 'integer', a: 'integer', b: 'text', v: 'integer' }
  const columns = can.checks ? { ...plain, a: 'integer default 7', b: "text default 'x'" } : plain

  for (const [what, onConflict] of Object.entries({
    'a plain insert': { action: 'error' },
    ignore: { action: 'ignore', keys: ['id'] },
    update: { action: 'update', keys: ['id'] },
    replace: { action: 'replace', keys: ['id'] },
    'the newest': { action: 'replace', keys: ['id'], newer: 'v' },
  } as const satisfies Record<string, OnConflict<AnyRow>>)) {
    if (!can.actions.includes(onConflict.action)) continue

    add(`${what}: an absent property takes the default of its column, and null is NULL`, async (database) => {
      const made = await database.create({ columns, key: ['id'] })
      const table = defineTable<AnyRow>(made.name, { columns: COLUMNS, onConflict, absent: 'default' })
      const rows = [{ id: 1 }, { id: 2, a: null }, { id: 3, b: 'b', v: undefined }, { id: 4, a: 1, b: null, v: 1 }]
      await writeWell(database.executor, table, rows)
      assert.equal(await made.rows(), [
        { id: 1, a, b, v: null },
        { id: 2, a: null, b, v: null },
        { id: 3, a, b: 'b', v: null },
        { id: 4, a: 1, b: null, v: 1 },
      ])
    })
  }

  add('only columns that say so take their default', async (database) => {
    const made = await database.create({ columns, key: ['id'] })
    const table = defineTable<AnyRow>(made.name, { columns: COLUMNS, absent: { a: 'default' } })
    await writeWell(database.executor, table, [{ id: 1 }])
    assert.equal(await made.rows(), [{ id: 1, a, b: null, v: null }])
  })

  add('rows of many shapes are written, whatever the batches', async (database) => {
    const made = await database.create({ columns, key: ['id'] })
    const table = defineTable<AnyRow>(made.name, { columns: COLUMNS, absent: 'default' })
    const rows = range(64).map((id) => ({
      id,
      ...(id & 1 && { a: id }),
      ...(id & 2 && { b: 'b' }),
      ...(id & 4 && { v: id }),
    }))
    await writeAll(database.executor.withConcurrencyLimit(4), table, rows, { flushSize: 10 })
    assert.equal(
      await made.rows(),
      rows.map((row) => ({ a, b, v: null, ...row })),
    )
  })

  for (const [name, id] of IDENTITIES) {
    if (!backend.name.startsWith(name)) continue

    add('keys that the database makes', async (database) => {
      const made = await database.create({
        columns: { id, a: 'integer', at: 'timestamp default current_timestamp' },
        key: ['id'],
      })
      const columns = ['id', 'a', 'at'] as const
      for (const action of ['error', 'ignore', 'update', 'replace'] as const) {
        const onConflict = action === 'error' ? { action } : ({ action, keys: ['id'] } as const)
        const table = defineTable<AnyRow>(made.name, { columns, onConflict, absent: 'default' })
        await writeWell(database.executor, table, [{ a: 1 }, { a: 2 }, { a: 3 }])
      }
      const rows = await made.rows()
      assert.equal(new Set(rows.map((row) => row['id'])).size, 12)
      assert.ok(rows.every(({ at }) => at !== null))
    })
  }

  if (!can.actions.includes('replace')) return

  for (const newer of [undefined, 'v']) {
    add(`a replace sets what its row lacks to the default${newer ? ', if it is newer' : ''}`, async (database) => {
      const made = await database.create({ columns, key: ['id'] })
      const onConflict = { action: 'replace', keys: ['id'], ...(newer && { newer }) } as const
      const table = defineTable<AnyRow>(made.name, { columns: COLUMNS, onConflict, absent: 'default' })
      const full = { id: 1, a: 1, b: 'one', v: 1 }
      await writeWell(database.executor, table, [full])
      await writeWell(database.executor, table, [{ id: 1, b: 'two', v: 2 }])
      assert.equal(await made.rows(), [{ id: 1, a, b: 'two', v: 2 }])
      await writeWell(database.executor, table, [full])
      assert.equal(await made.rows(), [newer === undefined ? full : { id: 1, a, b: 'two', v: 2 }])
    })

    if (!can.checks) continue

    add(`a replace sets defaults that are worked out${newer ? ', if it is newer' : ''}`, async (database) => {
      const at = 'timestamp default current_timestamp'
      const made = await database.create({
        columns: { id: 'integer', b: "text default (upper('x'))", at, v: 'integer' },
        key: ['id'],
      })
      const onConflict = { action: 'replace', keys: ['id'], ...(newer && { newer }) } as const
      const columns = ['id', 'b', 'at', 'v'] as const
      const table = defineTable<AnyRow>(made.name, { columns, onConflict, absent: 'default' })
      await writeWell(database.executor, table, [{ id: 1, b: 'one', at: '2020-01-01 00:00:00', v: 1 }])
      await writeWell(database.executor, table, [{ id: 1, v: 2 }])
      const [{ at: time, ...row } = {}] = await made.rows()
      assert.equal(row, { id: 1, b: 'X', v: 2 })
      assert.ok(new Date(time as string).getFullYear() > 2020, String(time))
    })
  }
}
