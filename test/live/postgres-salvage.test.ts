import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import { RowFailedError } from '../../src/contract/errors.ts'
import type { OnConflict, Table } from '../../src/contract/table.ts'
import type { PgPool } from '../../src/drivers/postgres/client.ts'
import { PostgresDriver } from '../../src/drivers/postgres/driver.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import type { PostgresOptions } from '../../src/drivers/postgres/options.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { thrownBy } from '../support/assertions.ts'
import { type AnyRow, never, Scene, tableOf } from '../support/databases/postgres.ts'

const scene = await Scene.open({ max: 2, options: '-c synchronous_commit=off' })
const test = suite('many bad rows')
const UPSERT = { action: 'update', keys: ['id'] } as const

test.before(async () => {
  await scene.sql('CREATE EXTENSION IF NOT EXISTS ltree SCHEMA public').catch(() => undefined) // another file may be at it
})
test.after(() => scene.close())

/** The error of each row that failed. */
async function failuresOf(executor: Executor, table: Table, rows: readonly AnyRow[], flushSize = rows.length) {
  const flow = new BatchFlow(executor, { flushSize, bufferSize: rows.length, deadLetter: () => {} })
  const settled = await Promise.allSettled(rows.map((row) => flow.write(table as Table<AnyRow>, row)))
  await flow.close()
  const failed = new Map<number, RowFailedError>()
  settled.forEach((outcome, i) => {
    if (outcome.status === 'fulfilled') return
    assert.instance(outcome.reason, RowFailedError)
    failed.set(i, outcome.reason)
  })
  return failed
}

/** What the driver does in one attempt. */
async function attempt(driver: PostgresDriver, table: Table, rows: readonly AnyRow[], signal = never) {
  const context = { signal, isolate: true }
  const operation = await driver.plan({ table, columns: table.columns, rows }, context)
  return driver.run(operation, context).finally(() => operation.release())
}

/** The pool, and how often a connection was had from it. */
function counted(pool: PgPool) {
  const counter = {
    connections: 0,
    connect: (callback: Parameters<PgPool['connect']>[0]) => {
      counter.connections++
      return pool.connect(callback)
    },
  }
  return counter
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

for (const onConflict of [undefined, UPSERT]) {
  for (const prepare of [true, false]) {
    const manner = `${onConflict === undefined ? 'appended' : 'updated'}${prepare ? '' : ', nothing prepared'}`
    test(`0, 1, 10, 1,000 of 10,000 rows, ${manner}`, async () => {
      const name = await scene.table("id integer PRIMARY KEY, v text CHECK (v <> 'bad'), at timestamptz")
      const driver = scene.driver({ prepare })
      const table = tableOf(name, ['id', 'v', 'at'], onConflict)
      for (const count of [0, 0, 1, 10, 1000]) {
        const bad = range(count).map((i) => Math.floor(((i + 0.5) * 10_000) / count))
        const isBad = new Set(bad)
        const rows = range(10_000).map((id) => ({ id, v: isBad.has(id) ? 'bad' : `row ${id}`, at: new Date(id) }))
        const start = performance.now()
        const failures = await attempt(driver, table, rows)
        console.log(`${manner}: ${count} bad, ${(performance.now() - start).toFixed(0)} ms`)
        assert.equal(
          failures.map(({ index }) => index),
          bad,
        )
        for (const { index, error } of failures) {
          const { cause } = error as AttemptError & { cause: pg.DatabaseError }
          assert.is(cause.code, '23514')
          assert.ok(cause.detail?.includes(`(${index}, bad`), cause.detail)
        }
        const stored = await scene.sql(`SELECT id, v, at FROM ${name} ORDER BY id`)
        assert.equal(
          stored,
          rows.filter(({ id }) => !isBad.has(id)),
        )
        await scene.sql(`TRUNCATE ${name}`)
      }
    })
  }
}

interface Kind {
  readonly columns: string
  readonly prepare?: (name: string) => string
  readonly row: (id: number) => AnyRow
  readonly onConflict?: OnConflict<AnyRow>
  readonly options?: PostgresOptions
  /** Attempts of the whole, where it is not one. */
  readonly divided?: boolean
}

const raising = (name: string) =>
  `CREATE FUNCTION ${name}_raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     IF new.v LIKE 'bad %' THEN RAISE '%', new.id USING ERRCODE = split_part(new.v, ' ', 2); END IF;
     ASSERT new.v <> 'false', 'never';
     RETURN new;
   END $$;
   CREATE TRIGGER raises BEFORE INSERT ON ${name} FOR EACH ROW EXECUTE FUNCTION ${name}_raise()`
const NESTED = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
const DEEP = new Set([1, 100, 149])
const STATES = ['MY001', '45000', '42P01', '42601', '42501', '54001', 'XX000', '23505', '22012', 'P0004']

const KINDS: Record<string, Kind> = {
  "a trigger's own codes": {
    columns: 'v text',
    prepare: raising,
    row: (id) => ({ id, v: id % 7 === 3 ? `bad ${STATES[id % 10]}` : 'x' }),
  },
  'an assertion': { columns: 'v text', prepare: raising, row: (id) => ({ id, v: id % 50 === 3 ? 'false' : 'x' }) },
  'paths that are none': { columns: 'v public.ltree', row: (id) => ({ id, v: id % 9 === 0 ? 'a b' : 'a.b' }) },
  'malformed JSON': {
    columns: 'v jsonb, w json',
    row: (id) => ({ id, v: id % 9 === 0 ? '{' : DEEP.has(id) ? NESTED : { id }, w: id % 10 === 0 ? '[' : '[]' }),
  },
  'malformed JSON as bytes': {
    columns: 'v json, w integer',
    row: (id) => ({ id, v: id % 99 ? '{}' : '{', w: Buffer.from([0, 0, 0, id % 100]) }),
    divided: true,
  },
  'dates that are none': { columns: 'v date', row: (id) => ({ id, v: id % 9 ? new Date(id) : '2024-02-30' }) },
  bytes: { columns: 'v bytea CHECK (length(v) > 0)', row: (id) => ({ id, v: Buffer.alloc(id % 9, id) }) },
  'arrays that do not fit': {
    columns: 'v int[] CHECK (cardinality(v) < 3), w text[]',
    row: (id) => ({ id, v: id % 11 === 5 ? [1, 2, 3] : [id, null], w: id % 13 === 0 ? 'no array' : [['a'], ['b']] }),
  },
  'a text that is a number, and one that is none': {
    columns: 'v numeric(6, 2)',
    row: (id) => ({ id, v: id % 8 === 1 ? 'one' : id % 8 === 2 ? 123_456 : id / 4 }),
  },
  'keys that are there twice': {
    columns: 'v text',
    row: (id) => ({ id: id % 10 === 9 ? id - 5 : id, v: `row ${id}` }),
  },
  'keys that are there twice, of another index': {
    columns: 'v text UNIQUE',
    row: (id) => ({ id, v: `${id % 10 === 9 ? id - 5 : id}` }),
    onConflict: UPSERT,
  },
  'keys that are NULL': {
    columns: 'k integer UNIQUE, v text NOT NULL',
    row: (id) => ({ id, k: id % 3 === 0 ? null : id, v: id % 6 === 0 ? null : 'x' }),
    onConflict: { action: 'update', keys: ['k'] },
  },
  'rows that are there, ignored': {
    columns: "v text CHECK (v <> 'bad')",
    prepare: (name) => `INSERT INTO ${name} SELECT i, 'old' FROM generate_series(1, 100, 3) i`,
    row: (id) => ({ id, v: id % 10 === 9 ? 'bad' : 'new' }),
    onConflict: { action: 'ignore', keys: ['id'] },
  },
  'columns named like the variables of the block': {
    columns: 'b0 int, "first" int, failures text CHECK (failures <> $$bad$$), "a$q$b""c\'\\" text',
    row: (id) => ({ id, b0: id, first: -id, failures: id % 10 === 4 ? 'bad' : 'x', 'a$q$b"c\'\\': 'y' }),
    onConflict: UPSERT,
  },
  'through a view': {
    columns: 'v text',
    prepare: (name) => `ALTER TABLE ${name} RENAME TO ${name}_below;
      CREATE VIEW ${name} AS SELECT * FROM ${name}_below WHERE v <> 'bad' WITH CHECK OPTION`,
    row: (id) => ({ id, v: id % 10 === 4 ? 'bad' : 'x' }),
  },
  'constraints that are deferred': {
    columns: 'parent integer',
    prepare: (name) => `ALTER TABLE ${name}
      ADD FOREIGN KEY (parent) REFERENCES ${name} (id) DEFERRABLE INITIALLY DEFERRED`,
    row: (id) => ({ id, parent: id % 100 === 50 ? -1 : Math.floor(id / 2) }),
    divided: true,
  },
  'values that cannot be encoded': {
    columns: "v text CHECK (v <> 'bad'), w integer",
    row: (id) => ({ id, v: id % 10 === 4 ? 'x\0' : id % 10 === 5 ? 'bad' : 'x', w: id % 10 === 6 ? Symbol('w') : 1 }),
  },
}

for (const [what, { columns, prepare, row, onConflict, options, divided }] of Object.entries(KINDS)) {
  for (const action of onConflict === undefined ? [undefined, UPSERT] : [onConflict]) {
    test(`${what}, ${action?.action ?? 'append'}: as if each row were written by itself`, async () => {
      const rows = range(150).map(row)
      const named = Object.keys(rows[0]!)
      const [together, singly] = [await made(columns, prepare), await made(columns, prepare)]
      const pool = counted(scene.pool)
      const failed = await failuresOf(postgresExecutor(pool, options), tableOf(together, named, action), rows)
      const alone = postgresExecutor(scene.pool, options).withConcurrencyLimit(1)
      const expected = await failuresOf(alone, tableOf(singly, named, action), rows, 1)
      const codes = (failures: Map<number, RowFailedError>) =>
        Array.from(failures, ([i, { reason, fault, databaseCode }]) => [i, reason, fault, databaseCode]).sort()
      assert.ok(failed.size > 0 || what === 'keys that are there twice') // the flow merges them
      assert.equal(codes(failed), codes(expected))
      assert.equal(
        await scene.sql(`SELECT * FROM ${together} ORDER BY id`),
        await scene.sql(`SELECT * FROM ${singly} ORDER BY id`),
      )
      if (divided !== true) assert.ok(pool.connections < 10, `${pool.connections} connections`)
    })
  }
}

async function made(columns: string, prepare: Kind['prepare']): Promise<string> {
  const name = await scene.table(`id integer PRIMARY KEY, ${columns}`)
  if (prepare !== undefined) await scene.sql(prepare(name))
  return name
}

test('an error is the one the client would have thrown', async () => {
  const name = await scene.table("id integer PRIMARY KEY, v text CONSTRAINT good CHECK (v <> 'bad')")
  const alone = (await thrownBy(() => scene.sql(`INSERT INTO ${name} VALUES (7, 'bad')`))) as pg.DatabaseError
  assert.instance(alone, pg.DatabaseError)
  const rows = range(20).map((id) => ({ id, v: id % 7 === 0 && id > 0 ? 'bad' : 'x' }))
  const [first, second] = await attempt(scene.driver(), tableOf(name, ['id', 'v']), rows)
  const { cause } = first!.error as AttemptError & { cause: pg.DatabaseError }
  assert.instance(cause, pg.DatabaseError)
  for (const field of [
    'name',
    'message',
    'severity',
    'code',
    'detail',
    'hint',
    'schema',
    'table',
    'constraint',
  ] as const) {
    assert.is(cause[field], alone[field], field)
  }
  assert.equal([first?.index, second?.index], [7, 14])
})

test('a batch in which no row is good', async () => {
  const name = await scene.table("id integer PRIMARY KEY, v text CHECK (v <> 'bad')")
  const rows = range(200).map((id) => ({ id, v: 'bad' }))
  assert.is((await attempt(scene.driver(), tableOf(name, ['id', 'v']), rows)).length, 200)
  const unfit = range(200).map((id) => ({ id, v: '\0' }))
  assert.is((await attempt(scene.driver(), tableOf(name, ['id', 'v']), unfit)).length, 200)
})

test('a right that is missing for all rows is the fault of the place, though an attempt of no row succeeds', async () => {
  const name = await scene.table('id integer PRIMARY KEY, v text, n serial')
  await scene.sql(`GRANT USAGE ON SCHEMA ${scene.schema} TO pg_monitor; GRANT ALL ON ${name} TO pg_monitor`)
  const monitor = new pg.Pool({ connectionString: scene.url, max: 2, options: '-c role=pg_monitor' })
  const pool = counted(monitor)
  for (const action of [undefined, UPSERT]) {
    const table = tableOf(`${scene.schema}.${name}`, ['id', 'v'], action)
    pool.connections = 0
    const failed = await failuresOf(
      postgresExecutor(pool),
      table,
      range(500).map((id) => ({ id, v: 'x' })),
    )
    assert.is(failed.size, 500)
    assert.equal([failed.get(0)?.reason, failed.get(0)?.fault], ['permission', 'place'])
    assert.ok(pool.connections < 6, `${pool.connections} connections`)
  }
  await monitor.end()
})

/** Locks rows that are there until `release`. */
async function locked(name: string, condition: string) {
  const client = new pg.Client({ connectionString: scene.url, options: `-c search_path=${scene.schema}` })
  await client.connect()
  await client.query('BEGIN')
  await client.query(`UPDATE ${name} SET v = v WHERE ${condition}`)
  return { release: () => client.query('ROLLBACK').finally(() => client.end()) }
}

test('a lock that is not had in time fails its row, which may be tried again; many fail the attempt', async () => {
  const name = await scene.table("id integer PRIMARY KEY, v text CHECK (v <> 'bad')")
  await scene.sql(`INSERT INTO ${name} SELECT i, 'old' FROM generate_series(0, 299) i`)
  const options = `-c search_path=${scene.schema} -c lock_timeout=50`
  const pool = new pg.Pool({ connectionString: scene.url, max: 2, options })
  const table = tableOf(name, ['id', 'v'], UPSERT)
  const rows = range(300).map((id) => ({ id, v: id === 0 ? 'bad' : 'new' }))
  const one = await locked(name, 'id = 100')
  const failures = await attempt(new PostgresDriver(pool), table, rows).finally(one.release)
  assert.equal(
    failures.map(({ index, error }) => [index, ((error as AttemptError).cause as pg.DatabaseError).code]),
    [
      [0, '23514'],
      [100, '55P03'],
    ],
  )
  assert.equal(await scene.sql(`SELECT count(*)::int AS n FROM ${name} WHERE v = 'new'`), [{ n: 298 }])
  await scene.sql(`UPDATE ${name} SET v = 'old'`)
  const all = await locked(name, 'id > 0')
  const start = performance.now()
  const error = await thrownBy(() => attempt(new PostgresDriver(pool), table, rows)).finally(all.release)
  assert.instance(error, AttemptError)
  assert.is(((error as AttemptError).cause as pg.DatabaseError).code, '55P03')
  assert.ok(performance.now() - start < 1000)
  assert.equal(await scene.sql(`SELECT count(*)::int AS n FROM ${name} WHERE v = 'new'`), [{ n: 0 }])
  await pool.end()
})

test('an abort ends it on the server, and nothing is written', async () => {
  const name = await scene.table("id integer PRIMARY KEY, v text CHECK (v <> 'bad')")
  await scene.sql(`INSERT INTO ${name} VALUES (100, 'old')`)
  const lock = await locked(name, 'id = 100')
  const controller = new AbortController()
  const rows = range(200).map((id) => ({ id, v: id === 0 ? 'bad' : 'new' }))
  const ended = thrownBy(() => attempt(scene.driver(), tableOf(name, ['id', 'v'], UPSERT), rows, controller.signal))
  setTimeout(() => controller.abort(new Error('enough')), 300)
  const error = await ended.finally(lock.release)
  assert.instance(error, AttemptError)
  assert.is((error as AttemptError).ambiguous, false)
  assert.equal(await scene.sql(`SELECT * FROM ${name}`), [{ id: 100, v: 'old' }])
})

test('a table that was altered is planned anew', async () => {
  const name = await scene.table('id integer PRIMARY KEY, v real CHECK (v <> -1)')
  const driver = scene.driver()
  const table = tableOf(name, ['id', 'v'], UPSERT)
  await attempt(driver, table, [{ id: 1, v: 0.1 }])
  await scene.sql(`ALTER TABLE ${name} ALTER v TYPE float8`)
  const rows = range(50).map((id) => ({ id, v: id === 7 ? -1 : 0.1 }))
  const failed = await failuresOf(postgresExecutor(scene.pool), table, rows)
  assert.equal([...failed.keys()], [7])
  assert.equal(await scene.sql(`SELECT DISTINCT v FROM ${name} WHERE id <> 1`), [{ v: 0.1 }])
})

test('where COPY is forced upon what it does otherwise, the batch is divided', async () => {
  const name = await scene.table("id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text CHECK (v <> 'bad')")
  const executor = postgresExecutor(scene.pool, { appendMethod: 'copy' })
  const rows = range(30).map((id) => ({ id: id + 1000, v: id % 10 === 3 ? 'bad' : 'x' }))
  const failed = await failuresOf(executor, tableOf(name, ['id', 'v']), rows)
  assert.equal([...failed.keys()].sort(), [13, 23, 3])
  assert.equal(await scene.sql(`SELECT min(id) AS first, count(*)::int AS n FROM ${name}`), [{ first: 1000, n: 27 }])
})

test("a conflict clause of one's own may end in a comment, or a semicolon", async () => {
  for (const end of [' -- the last one wins', ';']) {
    const name = await scene.table('id integer PRIMARY KEY, n integer CHECK (n < 100)')
    const sql = `ON CONFLICT ({id}) DO UPDATE SET {n} = {new.n}${end}`
    const pool = counted(scene.pool)
    const table = tableOf(name, ['id', 'n'], { action: 'sql', keys: ['id'], sql })
    const rows = range(100).map((id) => ({ id, n: id % 10 === 3 ? 500 : 1 }))
    const failed = await failuresOf(postgresExecutor(pool), table, rows)
    assert.is(failed.size, 10)
    assert.ok(pool.connections < 10, `${pool.connections} connections`)
  }
})

test.run()
