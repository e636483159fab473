import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable, inColumns, type Table } from '../../../src/contract/table.ts'
import { onConflict, quoteIdentifier, quoteList, quotePath, quotingWith } from '../../../src/drivers/kit/sql.ts'

const sql = suite('quoting')

sql('identifiers are quoted, and what is inside stays inside', () => {
  assert.is(quoteIdentifier('a"; DROP TABLE x; --'), '"a""; DROP TABLE x; --"')
  assert.is(quotePath(['app', 'odd.name']), '"app"."odd.name"')
  assert.is(quoteList(['id', 'a"b']), '"id", "a""b"')
})

sql('with whichever quote', () => {
  const mysql = quotingWith('`')
  assert.is(mysql.quoteIdentifier('a`; DROP TABLE x; --'), '`a``; DROP TABLE x; --`')
  assert.is(mysql.quotePath(['app', 'a"b']), '`app`.`a"b`')
})

sql('only columns that are written are set', () => {
  const table = defineTable<{ id: number; a: number; b: number }>('t', {
    columns: ['id', 'a', 'b'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  assert.is(onConflict(table, ['id', 'b']), ' ON CONFLICT ("id") DO UPDATE SET "b" = excluded."b"')
  assert.is(onConflict(table, ['id']), ' ON CONFLICT ("id") DO NOTHING')
})

sql('with a version only a newer row changes the stored one', () => {
  const table = defineTable<{ id: number; a: number; v: number }>('app."t""s"', {
    columns: ['id', 'a', 'v'],
    onConflict: { action: 'update', keys: ['id'], set: ['a'], newer: 'v' },
  })
  assert.is(
    onConflict(table, ['id', 'a', 'v']),
    ' ON CONFLICT ("id") DO UPDATE SET "a" = excluded."a", "v" = excluded."v" ' +
      'WHERE excluded."v" > "t""s"."v" OR ("t""s"."v" IS NULL AND excluded."v" IS NOT NULL)',
  )
})

sql('a replace sets what is not written, which is then the default', () => {
  const table = defineTable<{ id: number; a: number; b: number }>('t', {
    columns: ['id', 'a', 'b'],
    onConflict: { action: 'replace', keys: ['id'] },
    absent: 'default',
  })
  assert.is(onConflict(table, ['id', 'b']), ' ON CONFLICT ("id") DO UPDATE SET "a" = excluded."a", "b" = excluded."b"')
})

sql('columns that are combined', () => {
  const table = defineTable<{ id: number; a: number; b: number; c: number; d: number; v: number }>('app.t', {
    columns: ['id', 'a', 'b', 'c', 'd', 'v'],
    onConflict: { action: 'update', keys: ['id'], set: { a: 'add', b: 'max', c: 'min', d: 'keep' }, newer: 'v' },
  })
  const stored = (column: string) => `"t"."${column}"`
  const better = (column: string, sign: string) =>
    `"${column}" = CASE WHEN ${stored(column)} IS NULL OR excluded."${column}" ${sign} ${stored(column)} ` +
    `THEN excluded."${column}" ELSE ${stored(column)} END`
  assert.is(
    onConflict(table, table.columns),
    ' ON CONFLICT ("id") DO UPDATE SET "a" = COALESCE("t"."a" + excluded."a", excluded."a", "t"."a"), ' +
      `${better('b', '>')}, ${better('c', '<')}, "v" = excluded."v" ` +
      'WHERE excluded."v" > "t"."v" OR ("t"."v" IS NULL AND excluded."v" IS NOT NULL)',
  )
})

sql("a clause of one's own", () => {
  const table = defineTable<{ id: number; n: number }>('app."t""s"', {
    columns: { id: 'id', n: 'a"b' },
    onConflict: {
      action: 'sql',
      keys: ['id'],
      sql: " ON CONFLICT ({id}) DO UPDATE SET {n} = {old.n} + {new.n}, d = '{{}}' WHERE {table}.open\n",
    },
  })
  assert.is(
    onConflict(inColumns(table as Table), ['id', 'a"b']),
    ' ON CONFLICT ("id") DO UPDATE SET "a""b" = "t""s"."a""b" + excluded."a""b", d = \'{}\' WHERE "t""s".open',
  )
})

sql.run()
