import vm from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deletion } from '../../src/contract/deletion.ts'
import { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable, type Table } from '../../src/contract/table.ts'
import { SqliteDriver } from '../../src/drivers/sqlite/driver.ts'
import type { AnyRow, TestTable } from './conformance/backend.ts'
import { libsql, SqliteDatabase } from './conformance/backends/sqlite.ts'
import { range, reasonsOf, tableOf, writeAll, writeWell } from './conformance/harness.ts'

const writing = suite('writing to SQLite')
const signal = new AbortController().signal

function writes(name: string, run: (database: SqliteDatabase) => Promise<void>): void {
  writing(name, async () => {
    const database = new SqliteDatabase(libsql, 'memory')
    await run(database).finally(() => database.close())
  })
}

/** One attempt that may leave bad rows out; returns which. */
async function left(database: SqliteDatabase, table: Table, rows: readonly AnyRow[]): Promise<number[]> {
  const driver = new SqliteDriver(database.connection)
  const failures = await driver.run(driver.plan({ table, columns: table.columns, rows }), { signal, isolate: true })
  return (failures ?? []).map(({ index }) => index)
}

const ids = async (made: TestTable) => (await made.rows()).map(({ id }) => id)
const COLUMNS = { columns: { id: 'integer', name: 'text' }, key: ['id'] } as const
const BAD = [0, 7, 8, 29]
const ROWS = range(30).map((id) => ({ id, name: BAD.includes(id) ? 'bad' : '{}' }))
const GOOD = range(30).filter((id) => !BAD.includes(id))

/** Ways in which SQLite refuses the rows whose name is `bad`. */
const REFUSALS: Readonly<Record<string, (table: string) => string>> = {
  'malformed JSON in an index': (table) => `CREATE INDEX on_json ON ${table} (json_extract(name, '$.a'))`,
  ...Object.fromEntries(
    ['ABORT', 'FAIL', 'ROLLBACK'].map((how) => [
      `a trigger that says ${how}`,
      (table: string) =>
        `CREATE TRIGGER objects AFTER INSERT ON ${table} WHEN new.name = 'bad' BEGIN SELECT RAISE(${how}, 'no'); END`,
    ]),
  ),
}

writes("a clause of one's own goes by an index that has a condition", async (database) => {
  const made = await database.create({ columns: { id: 'integer', open: 'integer', hits: 'integer' } })
  database.connection.exec(`CREATE UNIQUE INDEX open_ones ON ${made.name} (id) WHERE open`)
  const sql = 'ON CONFLICT ({id}) WHERE {open} DO UPDATE SET {hits} = {old.hits} + {new.hits}'
  const table = tableOf(made, { action: 'sql', keys: ['id'], sql })
  const findings = await database.executor.check(table)
  assert.not.ok(findings.some(({ ok }) => ok === false))
  const rows = [1, 0, 1, 0, 1].map((open, hits) => ({ id: 1, open, hits }))
  await writeWell(database.executor, table, rows)
  assert.equal(
    (await made.rows()).map(({ hits }) => hits),
    [0 + 2 + 4, 1, 3],
  )
})

for (const how of ['FAIL', 'ROLLBACK']) {
  writes(`a column that says ON CONFLICT ${how} fails the rows it refuses and no other`, async (database) => {
    const made = await database.create(COLUMNS)
    database.connection.exec(`DROP TABLE ${made.name}`)
    database.connection.exec(`CREATE TABLE ${made.name} (id integer PRIMARY KEY, name text UNIQUE ON CONFLICT ${how})`)
    database.connection.exec(`INSERT INTO ${made.name} VALUES (1000, 'bad')`)
    const bad = [3, 24] // in the middle of statements of several rows
    const rows = range(40).map((id) => ({ id, name: bad.includes(id) ? 'bad' : `good ${id}` }))
    const written = await writeAll(database.executor, tableOf(made), rows)
    assert.equal(Object.keys(reasonsOf(written)).map(Number), bad)
    assert.equal(await ids(made), [...range(40).filter((id) => !bad.includes(id)), 1000])
  })
}

for (const [what, sql] of Object.entries(REFUSALS)) {
  writes(`${what} fails the rows it refuses and no other, and leaves nothing of them`, async (database) => {
    const made = await database.create(COLUMNS)
    database.connection.exec(sql(made.name))
    const written = await writeAll(database.executor, tableOf(made), ROWS)
    assert.equal(Object.keys(reasonsOf(written)).map(Number), BAD)
    for (const result of written.results) {
      if (result.status === 'rejected') assert.is((result.reason as RowFailedError).fault, 'row')
    }
    assert.equal(await ids(made), GOOD)
    if (what.endsWith('ROLLBACK')) return
    database.connection.exec(`DELETE FROM ${made.name}`)
    assert.equal(await left(database, tableOf(made), ROWS), BAD)
    assert.equal(await ids(made), GOOD)
  })
}

interface Work {
  /** Statements carried out with values. */
  statements: number
  /** Rows bound to them. */
  rows: number
}

/** Counts what the driver has the client do, of rows with two columns. */
function counted({ connection }: SqliteDatabase): Work {
  const work = { statements: 0, rows: 0 }
  const { prepare } = connection
  connection.prepare = (sql: string) => {
    const statement = prepare.call(connection, sql)
    const { run } = statement
    statement.run = (...values) => {
      work.statements++
      work.rows += values.flat().length / 2
      return run.apply(statement, values)
    }
    return statement
  }
  return work
}

writes('few bad rows cost a few statements each, many no more than rows one by one', async (database) => {
  const made = await database.create({ ...COLUMNS, check: '"name" <> \'bad\'' })
  const work = counted(database)
  const workFor = async (bad: number) => {
    const rows = range(10_000).map((id) => ({ id, name: bad > 0 && id % (10_000 / bad) === 5 ? 'bad' : 'x' }))
    Object.assign(work, { statements: 0, rows: 0 })
    assert.is((await left(database, tableOf(made), rows)).length, bad)
    const done = { ...work }
    assert.is(await made.count(), 10_000 - bad)
    database.connection.exec(`DELETE FROM ${made.name}`)
    return done
  }
  const clean = await workFor(0)
  assert.equal(clean, { statements: 200, rows: 10_000 })
  for (const bad of [1, 10, 1000]) {
    const { statements, rows } = await workFor(bad)
    const more = Math.min(60 * bad, 10_300)
    assert.ok(statements - clean.statements <= more && rows - clean.rows <= more, `${bad} bad: ${statements}, ${rows}`)
  }
})

writes('a table that is not as it is said to be costs one attempt, and SQLite says what is wrong', async (database) => {
  const made = await database.create({
    columns: { id: 'integer', name: 'text', sum: 'integer GENERATED ALWAYS AS (id)' },
  })
  const wrong: readonly (readonly [Table, RegExp])[] = [
    [tableOf({ ...made, name: 'nowhere' }), /no such table: nowhere/],
    [tableOf({ ...made, columns: ['id', 'other'] }), /has no column named other/],
    [tableOf({ ...made, columns: ['id', 'sum'] }), /cannot INSERT into generated column "sum"/],
    [tableOf({ ...made, columns: ['id', 'name'] }, { action: 'update', keys: ['id'] }), /ON CONFLICT clause/],
  ]
  for (const [table, words] of wrong) {
    const { results, errors } = await writeAll(database.executor, table, ROWS)
    assert.equal(errors, ['final:schema'])
    const error = results[0]?.status === 'rejected' ? results[0].reason : undefined
    assert.ok(error instanceof RowFailedError)
    assert.equal([error.fault, error.attempts], ['place', 1])
    assert.match(error.message, words)
  }
})

writes('values of another realm are stored as those of this one', async (database) => {
  const made = await database.create({ columns: { id: 'integer', at: 'text', raw: 'bytes', buffer: 'bytes' } })
  const [at, raw, buffer] = vm.runInNewContext(
    '[new Date(0), new Uint8Array([1, 2]), new Uint8Array([3]).buffer]',
  ) as unknown[]
  await writeWell(database.executor, tableOf(made), [{ id: 1, at, raw, buffer }])
  const stored = { id: 1, at: '1970-01-01T00:00:00.000Z', raw: Buffer.from([1, 2]), buffer: Buffer.from([3]) }
  assert.equal(await made.rows(), [stored])
})

writes('what objects inherit is no value, and what is no value is refused', async (database) => {
  const made = await database.create({ columns: { id: 'integer', constructor: 'text', ['__proto__']: 'text' } })
  const own = JSON.parse('{"id": 2, "constructor": "c", "__proto__": "p"}') as AnyRow
  const rows = [{ id: 1 }, own, { id: 3, constructor: () => 1 }, { id: 4, constructor: Symbol('s') }]
  const written = await writeAll(database.executor, tableOf(made), rows as AnyRow[])
  assert.equal(reasonsOf(written), { 2: 'invalid_data', 3: 'invalid_data' })
  const sql = `SELECT id || ',' || ifnull("constructor", '') || ',' || ifnull("__proto__", '') AS stored FROM ${made.name}`
  const stored = database.connection.prepare(sql).all() as AnyRow[]
  assert.equal(
    stored.map((row) => row['stored']),
    ['1,,', '2,c,p'],
  )
})

writes(
  'a row that others refer to is not deleted, and fails alone; keys are compared as they are stored',
  async (database) => {
    const made = await database.create({ ...COLUMNS, columns: { id: 'TEXT', name: 'text' } })
    const onConflict = { action: 'update', keys: ['id'] } as const
    const table = defineTable<AnyRow>(made.name, { columns: made.columns, onConflict, deletes: true })
    const rows = range(100).map((id) => ({ id: `${id}`, name: 'x' }))
    await writeWell(database.executor, table, rows)
    database.connection.exec(
      `CREATE TABLE child (of TEXT REFERENCES ${made.name} (id)); INSERT INTO child VALUES ('3'), ('4'), ('90')`,
    )
    const written = await writeAll(
      database.executor,
      table,
      range(100).map((id) => deletion({ id })),
    )
    assert.equal(reasonsOf(written), { 3: 'constraint', 4: 'constraint', 90: 'constraint' })
    assert.equal(await ids(made), ['3', '4', '90'])
  },
)

writing.run()
