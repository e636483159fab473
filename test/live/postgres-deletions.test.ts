import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deletion } from '../../src/contract/deletion.ts'
import { RowFailedError, TableCheckError } from '../../src/contract/errors.ts'
import { defineTable, type OnConflict, type Table } from '../../src/contract/table.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { type AnyRow, Scene } from '../support/databases/postgres.ts'
import { range, reasonsOf, writeAll, writeWell } from './conformance/harness.ts'

const scene = await Scene.open({ max: 2 })
const test = suite('deletions in PostgreSQL')
const executor = postgresExecutor(scene.pool)

test.after(() => scene.close())

function tableOf(name: string, columns: readonly string[], onConflict: OnConflict<AnyRow>): Table {
  return defineTable<AnyRow>(name, { columns, onConflict, deletes: true })
}

const idsIn = async (name: string) =>
  (await scene.sql(`SELECT id FROM ${name} ORDER BY id`)).map(({ id }) => Number(id))

test('a row that others refer to fails alone, whatever columns are called', async () => {
  const name = await scene.table('id int, first text, b0 text, last int, PRIMARY KEY (id, first)')
  await scene.sql(`CREATE TABLE ${name}_of (id int, first text, FOREIGN KEY (id, first) REFERENCES ${name})`)
  const table = tableOf(name, ['id', 'first', 'b0', 'last'], { action: 'update', keys: ['id', 'first'] })
  const rows = range(200).map((id) => ({ id, first: `n ${id}`, b0: 'x', last: 0 }))
  await writeWell(executor, table, rows)
  await scene.sql(`INSERT INTO ${name}_of SELECT id, first FROM ${name} WHERE id IN (3, 4, 150)`)
  const written = await writeAll(
    executor,
    table,
    rows.map(({ id, first }) => deletion({ id, first })),
  )
  assert.equal(reasonsOf(written), { 3: 'constraint', 4: 'constraint', 150: 'constraint' })
  assert.equal(await idsIn(name), [3, 4, 150])
  assert.is(written.calls.filter(([verb]) => verb === 'observeAssembleDuration').length, 1, 'in one attempt')
  await scene.sql(`DROP TABLE ${name}_of`)
})

test('keys and versions are compared as they are stored', async () => {
  const types = ['numeric(9,2)', 'timestamp(0)', 'char(8)', 'uuid', 'real', 'bytea', 'date', 'varchar(4)', 'smallint']
  const values = ['10.005', new Date('2026-01-02T03:04:05.600Z'), 'ab', '0A000000-0000-0000-0000-000000000000', 0.1]
  const keys = [...values, Buffer.from([1, 2]), '2026-1-2', 'abcd', '7']
  for (const [i, type] of types.entries()) {
    const name = await scene.table(`k ${type} PRIMARY KEY, v timestamptz(0)`)
    const table = tableOf(name, ['k', 'v'], { action: 'update', keys: ['k'], newer: 'v' })
    const [k, v] = [keys[i], new Date('2026-01-02T03:04:05.600Z')]
    await writeWell(executor, table, [{ k, v }])
    await writeWell(executor, table, [deletion({ k, v: new Date(v.getTime() - 2000) })])
    assert.is((await scene.sql(`SELECT FROM ${name}`)).length, 1, `${type}: an older one`)
    await writeWell(executor, table, [deletion({ k, v })])
    assert.is((await scene.sql(`SELECT FROM ${name}`)).length, 0, type)
  }
})

test('a key that is too long deletes no other', async () => {
  await scene.sql('CREATE DOMAIN short AS varchar(3); CREATE DOMAIN shorter AS short')
  for (const type of ['varchar(3)', 'short', 'shorter']) {
    const name = await scene.table(`id ${type} PRIMARY KEY`)
    const table = tableOf(name, ['id'], { action: 'replace', keys: ['id'] })
    await writeWell(executor, table, [{ id: 'abc' }])
    await writeWell(executor, table, [deletion({ id: 'abcd' })])
    assert.is((await scene.sql(`SELECT FROM ${name}`)).length, 1, type)
  }
})

test('a function of the schema that is called unnest has no say', async () => {
  await scene.sql("CREATE FUNCTION unnest(int[]) RETURNS SETOF int LANGUAGE sql AS 'SELECT 7'")
  const name = await scene.table('id int PRIMARY KEY')
  const table = tableOf(name, ['id'], { action: 'ignore', keys: ['id'] })
  await writeWell(executor, table, [{ id: 1 }, { id: 7 }])
  await writeWell(executor, table, [deletion({ id: 1 })])
  assert.equal(await idsIn(name), [7])
  await scene.sql('DROP FUNCTION unnest(int[])')
})

test('a key of a domain is rounded as it is stored', async () => {
  await scene.sql('CREATE DOMAIN price AS numeric(9,2); CREATE DOMAIN cost AS price')
  const name = await scene.table('id cost PRIMARY KEY')
  const table = tableOf(name, ['id'], { action: 'replace', keys: ['id'] })
  await writeWell(executor, table, [{ id: '10.005' }])
  await writeWell(executor, table, [deletion({ id: '10.005' })])
  assert.is((await scene.sql(`SELECT FROM ${name}`)).length, 0)
})

test('without prepared statements, and beside a COPY-sized key', async () => {
  const name = await scene.table('id text PRIMARY KEY')
  const table = tableOf(name, ['id'], { action: 'replace', keys: ['id'] })
  const unprepared = postgresExecutor(scene.pool, { prepare: false })
  const ids = range(500).map((id) => `${id}`.padStart(200, 'ä'))
  await writeWell(
    unprepared,
    table,
    ids.map((id) => ({ id })),
  )
  await writeWell(
    unprepared,
    table,
    ids.slice(1).map((id) => deletion({ id })),
  )
  assert.equal(await scene.sql(`SELECT id FROM ${name}`), [{ id: ids[0] }])
})

test('a right to delete that is missing is said by the check, and fails deletions alone', async () => {
  const name = await scene.table('id bigint PRIMARY KEY, v text')
  const role = `${scene.schema}_keeper`
  await scene.sql(`CREATE ROLE ${role}; GRANT USAGE ON SCHEMA ${scene.schema} TO ${role};
    GRANT SELECT, INSERT, UPDATE ON ${name} TO ${role}`)
  const options = `-c search_path=${scene.schema} -c role=${role}`
  const pool = new pg.Pool({ connectionString: scene.url, max: 1, options })
  try {
    const keeper = postgresExecutor(pool)
    const table = tableOf(name, ['id', 'v'], { action: 'update', keys: ['id'] })
    await keeper.check(table).then(assert.unreachable as never, (error: unknown) => {
      assert.ok(error instanceof TableCheckError)
      assert.match(error.message, 'the right to DELETE is missing (grant it to this user)')
    })
    const { results, summary } = await writeAll(keeper, table, [{ id: 1, v: 'a' }, deletion({ id: 2 })])
    assert.is(summary.committed, 1)
    const [, failed] = results
    assert.ok(failed?.status === 'rejected' && failed.reason instanceof RowFailedError)
    assert.is(failed.reason.reason, 'permission')
  } finally {
    await pool.end()
    await scene.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})

test('a type whose operators are not in the search path is compared by them, as the unique index does', async () => {
  const database = `${scene.schema}_words`
  await scene.sql(`CREATE DATABASE ${database} TEMPLATE template0`)
  const url = new URL(scene.url)
  url.pathname = database
  const pool = new pg.Pool({ connectionString: url.href, max: 1, options: '-c search_path=public' })
  try {
    await pool.query(`CREATE SCHEMA "Far away"; CREATE EXTENSION citext SCHEMA "Far away";
      CREATE DOMAIN word AS "Far away".citext;
      CREATE TABLE words (k word, tags "Far away".citext[], v "Far away".citext, best "Far away".citext, PRIMARY KEY (k, tags))`)
    const stored = async () => (await pool.query('SELECT k, v, best FROM words')).rows
    const words = postgresExecutor(pool)
    const columns = ['k', 'tags', 'v', 'best']
    const keys = ['k', 'tags']
    const table = tableOf('words', columns, { action: 'update', keys, newer: 'v' })
    const row = (k: string, tags: string[], v: string, best: string) => ({ k, tags, v, best })
    await writeWell(words, table, [row('abc', ['x'], 'b', 'b')])
    await writeWell(words, table, [row('ABC', ['X'], 'C', 'c')])
    assert.equal(await stored(), [{ k: 'abc', v: 'C', best: 'c' }], 'a newer one')
    await writeWell(words, table, [deletion({ k: 'ABC', tags: ['X'], v: 'b' })])
    assert.is((await stored()).length, 1, 'an older deletion')
    const set = { v: 'max', best: 'min' } as const
    await writeWell(words, tableOf('words', columns, { action: 'update', keys, set }), [row('Abc', ['x'], 'D', 'B')])
    assert.equal(await stored(), [{ k: 'abc', v: 'D', best: 'B' }], 'the greater and the lesser')
    await writeWell(words, table, [deletion({ k: 'ABC', tags: ['X'], v: 'D' })])
    assert.equal(await stored(), [])
  } finally {
    await pool.end()
    await scene.sql(`DROP DATABASE ${database}`)
  }
})

test.run()
