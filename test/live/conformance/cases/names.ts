import * as assert from 'uvu/assert'
import { tableOf, writeWell } from '../harness.ts'
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
