import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import { PostgresDriver } from '../../src/drivers/postgres/driver.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { thrownBy } from '../support/assertions.ts'
import { type AnyRow, failure, never, Scene, tableOf, write } from '../support/databases/postgres.ts'

const scene = await Scene.open()
const driver = scene.driver()
const inserting = scene.driver({ appendMethod: 'insert' })
const writing = suite('writing to PostgreSQL')
writing.after(() => scene.close())

const USER = 'id integer PRIMARY KEY, name text, email text'
const ALL = ['id', 'name', 'email']

async function all(name: string): Promise<AnyRow[]> {
  return scene.sql(`SELECT * FROM ${name} ORDER BY 1`)
}

writing('a plain insert is a COPY and keeps the order of the rows', async () => {
  const name = await scene.table('at serial, id integer')
  const ids = Array.from({ length: 3000 }, (_, i) => (i * 7919) % 3001)
  const { name: operation, text } = await write(
    driver,
    tableOf(name, ['id']),
    ids.map((id) => ({ id })),
  )
  assert.is(operation, 'COPY')
  assert.is(text, `COPY "${name}" ("id") FROM STDIN (FORMAT binary)`)
  assert.equal(
    (await scene.sql(`SELECT id FROM ${name} ORDER BY at`)).map((row) => row['id']),
    ids,
  )
})

writing('ignore keeps the row that was there', async () => {
  const name = await scene.table(USER)
  const table = tableOf(name, ALL, { action: 'ignore', keys: ['id'] })
  await write(driver, table, [{ id: 1, name: 'first', email: 'a' }])
  await write(driver, table, [
    { id: 1, name: 'second' },
    { id: 2, name: 'new' },
  ])
  assert.equal(await all(name), [
    { id: 1, name: 'first', email: 'a' },
    { id: 2, name: 'new', email: null },
  ])
})

writing('ignore without keys minds every constraint', async () => {
  const name = await scene.table(`${USER}, UNIQUE (email)`)
  const table = tableOf(name, ALL, { action: 'ignore' })
  const { text } = await write(driver, table, [
    { id: 1, email: 'a' },
    { id: 2, email: 'a' },
    { id: 1, email: 'b' },
  ])
  assert.match(text, / ON CONFLICT DO NOTHING$/)
  assert.equal(await all(name), [{ id: 1, name: null, email: 'a' }])
})

writing('update writes its columns and leaves the others', async () => {
  const name = await scene.table(USER)
  await write(driver, tableOf(name, ALL), [{ id: 1, name: 'old', email: 'old' }])
  const table = tableOf(name, ALL, { action: 'update', keys: ['id'], set: ['name'] })
  await write(driver, table, [
    { id: 1, name: 'new', email: 'new' },
    { id: 2, name: 'n', email: 'e' },
  ])
  assert.equal(await all(name), [
    { id: 1, name: 'new', email: 'old' },
    { id: 2, name: 'n', email: 'e' },
  ])
})

writing('update of a batch that lacks a column leaves that column as it is', async () => {
  const name = await scene.table(USER)
  await write(driver, tableOf(name, ALL), [{ id: 1, name: 'old', email: 'kept' }])
  const table = tableOf(name, ALL, { action: 'update', keys: ['id'] })
  const batch = { table, columns: ['id', 'name'], rows: [{ id: 1, name: 'new' }] }
  const operation = await driver.plan(batch, { signal: never })
  await driver.run(operation, { signal: never })
  operation.release()
  assert.equal(await all(name), [{ id: 1, name: 'new', email: 'kept' }])
})

writing('update with nothing but keys does nothing to rows that are there', async () => {
  const name = await scene.table(USER)
  const table = tableOf(name, ['id'], { action: 'update', keys: ['id'] })
  for (const rows of [[{ id: 1 }], [{ id: 1 }, { id: 2 }]]) await write(driver, table, rows)
  assert.equal(
    (await all(name)).map((row) => row['id']),
    [1, 2],
  )
})

writing('replace overwrites every column that is not a key', async () => {
  const name = await scene.table(`${USER}, UNIQUE (id, name)`)
  const table = tableOf(name, ALL, { action: 'replace', keys: ['id', 'name'] })
  await write(driver, table, [{ id: 1, name: 'a', email: 'x' }])
  await write(driver, table, [{ id: 1, name: 'a' }])
  assert.equal(await all(name), [{ id: 1, name: 'a', email: null }])
})

writing('the text of a statement is the same for any number of rows, and prepared once per connection', async () => {
  const name = await scene.table(USER)
  const table = tableOf(name, ALL, { action: 'update', keys: ['id'] })
  const pool = new pg.Pool({ connectionString: scene.url, max: 1, options: `-c search_path=${scene.schema}` })
  const single = new PostgresDriver(pool)
  const texts = new Set<string>()
  for (const size of [1, 2, 50]) {
    texts.add(
      (
        await write(
          single,
          table,
          Array.from({ length: size }, (_, id) => ({ id, name: 'x' })),
        )
      ).text,
    )
    await write(
      single,
      tableOf(name, ALL),
      Array.from({ length: size }, (_, i) => ({ id: size * 100 + i })),
    )
  }
  const { rows } = await pool.query(
    `SELECT statement FROM pg_prepared_statements WHERE name LIKE 'batchflow%' ORDER BY 1`,
  )
  await pool.end()
  assert.is(texts.size, 1)
  assert.is(rows.length, 3)
  assert.match(rows[0].statement, /^COPY/)
  assert.is(rows[1].statement, [...texts][0])
})

writing('prepare: false leaves nothing behind on the connection', async () => {
  const name = await scene.table(USER)
  const pool = new pg.Pool({ connectionString: scene.url, max: 1, options: `-c search_path=${scene.schema}` })
  const unprepared = new PostgresDriver(pool, { prepare: false })
  for (const id of [1, 2]) {
    await write(unprepared, tableOf(name, ALL), [{ id, name: 'a' }])
    await write(unprepared, tableOf(name, ALL, { action: 'update', keys: ['id'] }), [{ id, name: 'b' }])
  }
  const { rows } = await pool.query('SELECT name FROM pg_prepared_statements')
  await pool.end()
  assert.equal(rows, [])
  assert.equal(
    (await all(name)).map((row) => row['name']),
    ['b', 'b'],
  )
})

writing('identifiers of any kind', async () => {
  const odd = ['Upper Case', 'a"b', "it's", 'dot.ted', 'ünïcode 名', 'back\\slash', 'line\nbreak', 'select', '$1', 'c0']
  for (const table of ['"Table.With ""Quotes"""', `"it's \\ a table"`, 'ünï']) {
    const columns = odd.map((column) => `"${column.replaceAll('"', '""')}" text`)
    await scene.sql(`CREATE TABLE ${scene.schema}.${table} (id integer PRIMARY KEY, ${columns.join(', ')})`)
    const row = Object.fromEntries([['id', 1], ...odd.map((column, i) => [column, `value ${i}`])])
    const name = `${scene.schema}.${table}`
    await write(driver, tableOf(name, Object.keys(row)), [row])
    const update = tableOf(name, Object.keys(row), { action: 'update', keys: ['id'] })
    await write(driver, update, [{ ...row, 'a"b': 'changed' }])
    assert.equal(await all(name), [{ ...row, 'a"b': 'changed' }])
  }
})

for (const [method, by] of Object.entries({ COPY: driver, INSERT: inserting })) {
  writing(`70,000 rows of three columns in one ${method}`, async () => {
    const name = await scene.table(USER)
    const rows = Array.from({ length: 70_000 }, (_, id) => ({ id, name: `user ${id}`, email: null }))
    assert.is((await write(by, tableOf(name, ALL), rows)).name, method)
    const [sums] = await scene.sql(
      `SELECT count(*)::int AS n, sum(id)::text AS s, count(DISTINCT name)::int AS d FROM ${name}`,
    )
    assert.equal(sums, { n: 70_000, s: String((69_999 * 70_000) / 2), d: 70_000 })
  })

  writing(`1,000 columns in one ${method}`, async () => {
    const columns = Array.from({ length: 1000 }, (_, i) => `column_${i}`)
    const name = await scene.table(
      columns.map((column, i) => `${column} ${i % 2 === 0 ? 'integer' : 'text'}`).join(', '),
    )
    const row = Object.fromEntries(columns.map((column, i) => [column, i % 2 === 0 ? i : `${i}`]))
    assert.is((await write(by, tableOf(name, columns), [row, {}])).name, method)
    assert.equal(await scene.sql(`SELECT * FROM ${name} WHERE column_0 = 0`), [row])
  })

  writing(`rows of a megabyte in one ${method}`, async () => {
    const name = await scene.table('id integer, body text, raw bytea')
    const rows = [1, 2, 3].map((id) => ({ id, body: 'ü'.repeat(500_000), raw: Buffer.alloc(1_000_000, id) }))
    await write(by, tableOf(name, ['id', 'body', 'raw']), rows)
    const lengths = await scene.sql(
      `SELECT id, length(body) AS t, length(raw) AS r, get_byte(raw, 999999) AS b FROM ${name} ORDER BY 1`,
    )
    assert.equal(
      lengths,
      [1, 2, 3].map((id) => ({ id, t: 500_000, r: 1_000_000, b: id })),
    )
  })
}

writing('defaults, identities and generated columns of columns that are not written', async () => {
  const name = await scene.table(
    `id integer GENERATED ALWAYS AS IDENTITY, n integer, d integer DEFAULT 7, twice integer GENERATED ALWAYS AS (n * 2) STORED`,
  )
  await write(driver, tableOf(name, ['n']), [{ n: 1 }, { n: 2 }])
  await write(driver, tableOf(name, ['n'], { action: 'ignore' }), [{ n: 3 }])
  assert.equal(
    await all(name),
    [1, 2, 3].map((n) => ({ id: n, n, d: 7, twice: n * 2 })),
  )
})

writing('an identity that is always generated refuses values, also though COPY would not', async () => {
  const name = await scene.table('id integer GENERATED ALWAYS AS IDENTITY, n integer')
  assert.is((await failure(driver, tableOf(name, ['id', 'n']), [{ id: 5, n: 1 }])).code, '428C9')
  const byDefault = await scene.table('id integer GENERATED BY DEFAULT AS IDENTITY, n integer')
  assert.is((await write(driver, tableOf(byDefault, ['id', 'n']), [{ id: 5, n: 1 }])).name, 'COPY')
})

writing('views and tables with rules are written with INSERT', async () => {
  const name = await scene.table(USER)
  await scene.sql(`CREATE VIEW ${name}_view AS SELECT id, name FROM ${name}`)
  assert.is((await write(driver, tableOf(`${name}_view`, ['id', 'name']), [{ id: 1, name: 'v' }])).name, 'INSERT')
  await scene.sql(`CREATE RULE r AS ON INSERT TO ${name} WHERE new.id < 0 DO INSTEAD NOTHING`)
  assert.is((await write(scene.driver(), tableOf(name, ['id']), [{ id: -1 }])).name, 'INSERT')
  assert.equal(
    (await all(name)).map((row) => row['id']),
    [1],
  )
})

writing('partitioned tables are written with COPY', async () => {
  const name = await scene.table('id integer, n text) PARTITION BY RANGE (id')
  await scene.sql(`CREATE TABLE ${name}_a PARTITION OF ${name} FOR VALUES FROM (0) TO (10)`)
  await scene.sql(`CREATE TABLE ${name}_b PARTITION OF ${name} FOR VALUES FROM (10) TO (20)`)
  assert.is(
    (
      await write(driver, tableOf(name, ['id', 'n']), [
        { id: 5, n: 'a' },
        { id: 15, n: 'b' },
      ])
    ).name,
    'COPY',
  )
  assert.is((await failure(driver, tableOf(name, ['id']), [{ id: 50 }])).code, '23514')
})

/** A role that is not the owner, so that policies apply to it; the connections change to it themselves. */
async function withRole(work: (pool: pg.Pool, role: string) => Promise<void>): Promise<void> {
  const role = `${scene.schema}_role`
  await scene.sql(`CREATE ROLE ${role}; GRANT USAGE ON SCHEMA ${scene.schema} TO ${role}`)
  const options = `-c search_path=${scene.schema} -c role=${role}`
  const pool = new pg.Pool({ connectionString: scene.url, max: 1, options })
  try {
    await work(pool, role)
  } finally {
    await pool.end()
    await scene.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
}

writing('row-level security: INSERT from the start, and in place of COPY when it is turned on later', async () => {
  await withRole(async (pool, role) => {
    const guarded = new PostgresDriver(pool)
    const name = await scene.table(USER)
    const table = tableOf(name, ['id', 'name'])
    await scene.sql(`GRANT INSERT ON ${name} TO ${role}; CREATE POLICY p ON ${name} FOR INSERT WITH CHECK (id > 0)`)
    assert.is((await write(guarded, table, [{ id: 1 }])).name, 'COPY')
    await scene.sql(`ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY`)
    assert.is((await write(guarded, table, [{ id: 2 }])).name, 'INSERT')
    assert.is((await write(guarded, table, [{ id: 3 }])).name, 'INSERT')
    assert.is((await write(new PostgresDriver(pool), table, [{ id: 4 }])).name, 'INSERT')
    assert.is((await failure(guarded, table, [{ id: -1 }])).reason, 'permission')
    assert.equal(
      (await all(name)).map((row) => row['id']),
      [1, 2, 3, 4],
    )
    assert.is((await failure(new PostgresDriver(pool, { appendMethod: 'copy' }), table, [{ id: 5 }])).code, '0A000')
  })
})

writing('who may only insert needs no other privilege', async () => {
  await withRole(async (pool, role) => {
    const name = await scene.table(USER)
    await scene.sql(`GRANT INSERT ON ${name} TO ${role}`)
    assert.is((await write(new PostgresDriver(pool), tableOf(name, ALL), [{ id: 1, name: 'n' }])).name, 'COPY')
  })
})

const ALTERATIONS: Record<string, { before: string; alter: string; value: unknown; after: unknown }> = {
  'eight bytes become other eight bytes': { before: 'bigint', alter: 'TYPE double precision', value: 5, after: 5 },
  wider: { before: 'integer', alter: 'TYPE bigint', value: 5, after: '5' },
  narrower: { before: 'bigint', alter: 'TYPE integer', value: 5, after: 5 },
  'number becomes text': { before: 'integer', alter: 'TYPE text', value: 5, after: '5' },
  'text becomes json': { before: 'text', alter: 'TYPE jsonb USING v::jsonb', value: '{"a":1}', after: { a: 1 } },
  'timestamp becomes instant': {
    before: 'timestamp',
    alter: 'TYPE timestamptz',
    value: new Date(0),
    after: new Date(0),
  },
}

for (const [what, { before, alter, value, after }] of Object.entries(ALTERATIONS)) {
  writing(`a column altered between batches: ${what}`, async () => {
    const name = await scene.table(`id integer PRIMARY KEY, v ${before}`)
    const append = tableOf(name, ['id', 'v'])
    const upsert = tableOf(name, ['id', 'v'], { action: 'update', keys: ['id'] })
    await write(driver, append, [{ id: 1, v: value }])
    await write(driver, upsert, [{ id: 1, v: value }])
    await scene.sql(`ALTER TABLE ${name} ALTER COLUMN v ${alter}`)
    await write(driver, append, [{ id: 2, v: value }])
    await write(driver, upsert, [{ id: 3, v: value }])
    assert.equal(
      await all(name),
      [1, 2, 3].map((id) => ({ id, v: after })),
    )
  })
}

writing('a table dropped, made again and renamed between batches', async () => {
  const name = await scene.table('a integer, b text')
  const table = tableOf(name, ['a', 'b'])
  await write(driver, table, [{ a: 1, b: '1' }])
  await scene.sql(
    `ALTER TABLE ${name} RENAME a TO x; ALTER TABLE ${name} RENAME b TO a; ALTER TABLE ${name} RENAME x TO b`,
  )
  await write(driver, table, [{ a: '2', b: 2 }])
  assert.equal(await scene.sql(`SELECT a, b FROM ${name} ORDER BY b`), [
    { a: '1', b: 1 },
    { a: '2', b: 2 },
  ])
  await scene.sql(`DROP TABLE ${name}`)
  assert.is((await failure(driver, table, [{ a: 'x', b: 3 }])).code, '42P01')
  await scene.sql(`CREATE TABLE ${name} (b text, a integer)`)
  await write(driver, table, [{ a: 4, b: '4' }])
  assert.equal(await scene.sql(`SELECT a, b FROM ${name}`), [{ a: 4, b: '4' }])
})

writing('a stale plan tells so, and nothing of it is committed', async () => {
  const name = await scene.table('v bigint')
  const table = tableOf(name, ['v'])
  await write(driver, table, [{ v: 1 }])
  const operation = await driver.plan({ table, columns: table.columns, rows: [{ v: 2 }] }, { signal: never })
  await scene.sql(`ALTER TABLE ${name} ALTER v TYPE float8`)
  const error = await thrownBy(() => driver.run(operation, { signal: never }))
  operation.release()
  assert.ok(error instanceof AttemptError && error.stale && !error.ambiguous)
  assert.equal(await all(name), [{ v: 1 }])
})

writing('first batches that come together share one look-up', async () => {
  const name = await scene.table(USER)
  const pool = new pg.Pool({ connectionString: scene.url, max: 8, options: `-c search_path=${scene.schema}` })
  let acquired = 0
  pool.on('acquire', () => acquired++)
  const fresh = new PostgresDriver(pool)
  const table = tableOf(name, ['id'])
  await Promise.all([1, 2, 3, 4, 5].map((id) => write(fresh, table, [{ id }])))
  await pool.end()
  assert.is(acquired, 6)
})

writing('a look-up that failed is not remembered', async () => {
  const name = `late_${Date.now()}`
  const table = tableOf(name, ['id'])
  assert.is((await failure(driver, table, [{ id: 1 }])).code, '42P01')
  await scene.sql(`CREATE TABLE ${name} (id integer)`)
  assert.is((await write(driver, table, [{ id: 1 }])).name, 'COPY')
})

writing('values that only the server can read go as text: that batch, and after eight in a row every one', async () => {
  const name = await scene.table('v timestamptz')
  const table = tableOf(name, ['v'])
  const fresh = scene.driver()
  const format = async (v: unknown) => /FORMAT (\w+)/.exec((await write(fresh, table, [{ v }])).text)?.[1]
  for (let i = 0; i < 7; i++) assert.is(await format('infinity'), 'text')
  assert.is(await format(new Date()), 'binary')
  for (let i = 0; i < 8; i++) assert.is(await format('infinity'), 'text')
  assert.is(await format(new Date()), 'text')
})

writing('statements prepared by name that somebody threw away', async () => {
  const name = await scene.table(USER)
  const pool = new pg.Pool({ connectionString: scene.url, max: 1, options: `-c search_path=${scene.schema}` })
  const fresh = new PostgresDriver(pool)
  const append = tableOf(name, ALL)
  const upsert = tableOf(name, ALL, { action: 'update', keys: ['id'] })
  await write(fresh, append, [{ id: 1 }])
  await write(fresh, upsert, [{ id: 2 }])
  await pool.query('DEALLOCATE ALL')
  await write(fresh, append, [{ id: 3 }])
  await write(fresh, upsert, [{ id: 4 }])
  await pool.end()
  assert.equal(
    (await all(name)).map((row) => row['id']),
    [1, 2, 3, 4],
  )
})

/** What a pool does not tell before its first client is there. */
class Pipelined extends pg.Client {
  constructor(config: pg.ClientConfig) {
    super({ ...config, pipeline: true } as pg.ClientConfig)
  }
}

writing('a client that pipelines is refused in plain words', async () => {
  const name = await scene.table(USER)
  const pool = new pg.Pool({ connectionString: scene.url, max: 1, Client: Pipelined } as object)
  const error = await thrownBy(() =>
    write(new PostgresDriver(pool), tableOf(`${scene.schema}.${name}`, ['id']), [{ id: 1 }]),
  )
  await pool.end()
  assert.ok(error instanceof AttemptError && error.cause instanceof OptionError)
  assert.is(error.cause.message, 'postgresExecutor needs a pool of the JavaScript pg client without { pipeline: true }')
})

writing.run()
