import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable, type OnConflict } from '../../../src/contract/table.ts'
import { copySql, deleteSql, insertSql, quoteLiteral } from '../../../src/drivers/postgres/sql.ts'

const sql = suite('sql')
type User = { id: number; name: string; mood: string }
const columns = ['id', 'name', 'mood'] as const
const unnested = [
  { name: 'id', parameter: 'pg_catalog.int4', cast: undefined, exact: '"pg_catalog"."int4"' },
  { name: 'name', parameter: 'pg_catalog.text', cast: undefined, exact: '"pg_catalog"."text"' },
  { name: 'mood', parameter: 'pg_catalog.text', cast: '"public"."mood"', exact: '"public"."mood"' },
]
const INSERT =
  'INSERT INTO "users" ("id", "name", "mood") SELECT pg_catalog.unnest($1::pg_catalog.int4[]), ' +
  'pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[])::"public"."mood"'

function insert(onConflict: OnConflict<User>, written = unnested): string {
  return insertSql(defineTable<User>('users', { columns, onConflict }), written)
}

sql('literals are quoted whatever standard_conforming_strings says', () => {
  assert.is(quoteLiteral(`it's`), `'it''s'`)
  assert.is(quoteLiteral(`a\\'b`), ` E'a\\\\''b'`)
})

sql('a DELETE looks for keys as they are stored, and leaves what is newer', () => {
  const table = defineTable<User>('app.users', {
    columns,
    onConflict: { action: 'update', keys: ['id', 'mood'], newer: 'name' },
    deletes: true,
  })
  assert.is(
    deleteSql(table, [unnested[0]!, unnested[2]!, unnested[1]!]),
    'DELETE FROM "app"."users" AS t USING (SELECT v.c0::"pg_catalog"."int4" AS c0, v.c1::"public"."mood" AS c1, ' +
      'v.c2::"pg_catalog"."text" AS c2 FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.int4[]), pg_catalog.unnest($2::pg_catalog.text[]), pg_catalog.unnest($3::pg_catalog.text[])) ' +
      'AS v(c0, c1, c2)) AS u WHERE t."id" = u.c0 AND t."mood" = u.c1 AND (t."name" > u.c2) IS NOT TRUE',
  )
})

sql('values are compared by the operators of their type', () => {
  const operators = { '<': 'OPERATOR(far.<)', '=': 'OPERATOR(far.=)', '>': 'OPERATOR(far.>)' }
  const written = unnested.map((column) => ({ ...column, operators }))
  const newer: OnConflict<User> = { action: 'update', keys: ['id'], newer: 'name' }
  const table = defineTable<User>('users', { columns, onConflict: newer, deletes: true })
  const deleted = deleteSql(table, written.slice(0, 2))
  assert.match(deleted, 't."id" OPERATOR(far.=) u.c0 AND (t."name" OPERATOR(far.>) u.c1) IS NOT TRUE')
  assert.match(insert(newer, written), ' WHERE excluded."name" OPERATOR(far.>) "users"."name" OR ')
  const least = insert({ action: 'update', keys: ['id'], set: { mood: 'min' } }, written)
  assert.match(least, ' OR excluded."mood" OPERATOR(far.<) "users"."mood" THEN ')
})

sql('COPY', () => {
  const table = defineTable<User>('app.users', { columns })
  assert.is(copySql(table, columns, 'binary'), 'COPY "app"."users" ("id", "name", "mood") FROM STDIN (FORMAT binary)')
})

sql('a plain insert', () => assert.is(insert({ action: 'error' }), INSERT))

sql('ignore, with and without keys', () => {
  assert.is(insert({ action: 'ignore' }), `${INSERT} ON CONFLICT DO NOTHING`)
  assert.is(insert({ action: 'ignore', keys: ['id', 'mood'] }), `${INSERT} ON CONFLICT ("id", "mood") DO NOTHING`)
})

sql('update and replace', () => {
  const both = '"name" = excluded."name", "mood" = excluded."mood"'
  assert.is(insert({ action: 'update', keys: ['id'] }), `${INSERT} ON CONFLICT ("id") DO UPDATE SET ${both}`)
  assert.is(insert({ action: 'replace', keys: ['id'] }), `${INSERT} ON CONFLICT ("id") DO UPDATE SET ${both}`)
  const one = insert({ action: 'update', keys: ['id'], set: ['mood'] })
  assert.is(one, `${INSERT} ON CONFLICT ("id") DO UPDATE SET "mood" = excluded."mood"`)
})

sql('update sets only columns that are written', () => {
  const text = insert({ action: 'update', keys: ['id'] }, unnested.slice(0, 2))
  assert.match(text, / DO UPDATE SET "name" = excluded\."name"$/)
  assert.match(insert({ action: 'update', keys: ['id'] }, unnested.slice(0, 1)), / ON CONFLICT \("id"\) DO NOTHING$/)
})

sql.run()
