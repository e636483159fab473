import * as assert from 'uvu/assert'
import { defineTable, type OnConflict } from '../../../../src/contract/table.ts'
import type { AnyRow, Database } from '../backend.ts'
import { reasonsOf, tableOf, writeAll, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'

const ODD = [
  'Upper Case',
  'a"b',
  'a`b',
  "it's",
  'ünïcode 名',
  'back\\slash',
  'select',
  '$1',
  '?',
  'c0',
  ':name',
  '100%',
]

export const names: Register = ({ add, can }) => {
  add('names that have to be quoted', async (database) => {
    const made = await database.create({
      columns: Object.fromEntries([['id', 'integer'], ...ODD.map((name) => [name, 'text'])]),
      key: ['id'],
      prefix: 'Tab `le" \'名',
    })
    const row = Object.fromEntries([['id', 1], ...ODD.map((name, i) => [name, `value ${i}`])])
    await writeWell(database.executor, tableOf(made), [row])
    assert.equal(await made.rows(), [row])
    if (!can.actions.includes('update')) return
    const table = tableOf(made, { action: 'update', keys: ['id'] })
    await writeWell(database.executor, table, [{ id: 1, 'a`b': 'changed', 'a"b': 'too' }])
    assert.equal(await made.rows(), [{ ...row, 'a`b': 'changed', 'a"b': 'too' }])
  })

  add('properties that have the names of other columns', async (database) => {
    const columns = { id: 'integer', a: 'text', b: 'integer', v: 'integer' }
    const made = await database.create({ columns, key: ['id'] })
    const renamed = (onConflict: OnConflict<AnyRow>) =>
      defineTable<AnyRow>(made.name, { columns: { id: 'id', a: 'b', b: 'v', v: 'a' }, onConflict })
    await writeWell(database.executor, renamed({ action: 'error' }), [{ id: 1, a: 1, b: 1, v: 'one' }])
    for (const [onConflict, row, stored] of [
      [
        { action: 'update', keys: ['id'], set: ['a', 'v'] },
        { id: 1, a: 2, b: 2 },
        { id: 1, a: 'one', b: 2, v: 1 },
      ],
      [
        { action: 'update', keys: ['id'], newer: 'b' },
        { id: 1, a: 3, b: 1 },
        { id: 1, a: 'one', b: 2, v: 1 },
      ],
      [
        { action: 'update', keys: ['id'], newer: 'b' },
        { id: 1, a: 3, b: 2 },
        { id: 1, a: 'one', b: 3, v: 2 },
      ],
      [
        { action: 'replace', keys: ['id'] },
        { id: 1, v: 'two' },
        { id: 1, a: 'two', b: null, v: null },
      ],
    ] as const) {
      if (!can.actions.includes(onConflict.action)) continue
      await writeWell(database.executor, renamed(onConflict), [row])
      assert.equal(await made.rows(), [stored])
    }
    if (can.nullKeys) await renamedKeys(database)
  })

  add('text of all kinds, in values and in keys', async (database) => {
    const texts = [
      '',
      ' ',
      'ünï',
      '名前',
      '😀👩‍👩‍👧',
      "'; DROP TABLE x; --",
      '"',
      '`',
      '\\',
      '\\n',
      '\n\r\t',
      '\u001a',
      '%_',
      'NULL',
      '?',
    ]
    const made = await database.create({ columns: { n: 'integer', name: 'text', other: 'text' }, key: ['n', 'name'] })
    const rows = texts.map((name, n) => ({ n, name, other: name }))
    await writeWell(database.executor, tableOf(made), rows)
    assert.equal(await made.rows(), rows)
  })
}

async function renamedKeys(database: Database): Promise<void> {
  const columnTypes = { id: 'integer', a: 'integer', b: 'integer' }
  const made = await database.create({ columns: columnTypes, key: ['a', 'b'], check: '"id" > 0' })
  const columns = { number: 'id', b: 'a', a: 'b' }
  const table = defineTable<AnyRow>(made.name, { columns, onConflict: { action: 'update', keys: ['b', 'a'] } })
  await writeWell(database.executor, table, [
    { number: 1, b: 1, a: 2 },
    { number: 2, b: 2, a: 1 },
  ])
  const written = await writeAll(database.executor, table, [
    { number: -1, b: 3, a: 3 },
    { number: 3, b: 1, a: 2 },
  ])
  assert.equal(reasonsOf(written), { 0: 'constraint' })
  assert.equal(await made.rows(), [
    { id: 2, a: 2, b: 1 },
    { id: 3, a: 1, b: 2 },
  ])
}
