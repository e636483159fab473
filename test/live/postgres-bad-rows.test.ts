import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import type { Table } from '../../src/contract/table.ts'
import { PostgresDriver } from '../../src/drivers/postgres/driver.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { type AnyRow, never, Scene, tableOf } from '../support/databases/postgres.ts'

const scene = await Scene.open({ max: 2 })
const test = suite('a bad row fails alone, whatever the code')

const DEEP = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
const ROWS = 64
const BAD = 41

interface Case {
  readonly columns: string
  readonly prepare?: (name: string) => string
  readonly bad: unknown
  readonly code: string
}

const raising = (name: string, code: string) =>
  `CREATE FUNCTION ${name}_raise() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN IF new.v = 'bad' THEN RAISE 'no' USING ERRCODE = '${code}'; END IF; RETURN new; END $$;
   CREATE TRIGGER raises BEFORE INSERT ON ${name} FOR EACH ROW EXECUTE FUNCTION ${name}_raise()`

const CASES: Record<string, Case> = {
  'deeply nested JSON': { columns: 'v jsonb', bad: DEEP, code: '54001' },
  'a path that is none': { columns: 'v public.ltree', bad: 'a b', code: '42601' },
  "a trigger's own code": { columns: 'v text', prepare: (name) => raising(name, 'MY001'), bad: 'bad', code: 'MY001' },
  "a trigger's code of MySQL": {
    columns: 'v text',
    prepare: (name) => raising(name, '45000'),
    bad: 'bad',
    code: '45000',
  },
  'a trigger that misses a table for one value': {
    columns: 'v text',
    prepare: (name) => raising(name, '42P01'),
    bad: 'bad',
    code: '42P01',
  },
  'row-level security': {
    columns: 'v text',
    prepare: (name) => `ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY; ALTER TABLE ${name} FORCE ROW LEVEL SECURITY;
      CREATE POLICY good ON ${name} USING (v <> 'bad'); GRANT ALL ON ${name} TO ${scene.schema};
      GRANT USAGE ON SCHEMA ${scene.schema} TO ${scene.schema}`,
    bad: 'bad',
    code: '42501',
  },
}

test.before(async () => {
  await scene.sql(`CREATE ROLE ${scene.schema}`)
  await scene.sql('CREATE EXTENSION IF NOT EXISTS ltree SCHEMA public').catch(() => undefined) // another file may be at it
})
test.after(async () => {
  await scene.sql(`DROP OWNED BY ${scene.schema}; DROP ROLE ${scene.schema}`)
  await scene.close()
})

/** The outcome of each row, written in one batch. */
async function outcomes(executor: Executor, table: Table, rows: readonly AnyRow[]) {
  const whole = { flushSize: rows.length, flushBytes: 2 ** 30, bufferBytes: 2 ** 30 }
  const flow = new BatchFlow(executor, { ...whole, deadLetter: () => {} })
  const all = await Promise.allSettled(rows.map((row) => flow.write(table as unknown as Table<AnyRow>, row)))
  await flow.close()
  return all
}

for (const [what, { columns, prepare, bad, code }] of Object.entries(CASES)) {
  for (const onConflict of [undefined, { action: 'update', keys: ['id'] } as const]) {
    test(`${what}, ${onConflict === undefined ? 'appended' : 'updated'}`, async () => {
      const name = await scene.table(`id integer PRIMARY KEY, ${columns}`)
      if (prepare !== undefined) await scene.sql(prepare(name))
      const role = code === '42501' ? `-c role=${scene.schema}` : ''
      const pool = new pg.Pool({
        connectionString: scene.url,
        max: 2,
        options: `-c search_path=${scene.schema},public ${role}`,
      })
      const rows = Array.from({ length: ROWS }, (_, id) => ({
        id,
        v: id === BAD ? bad : columns === 'v jsonb' ? {} : 'x',
      }))
      const all = await outcomes(postgresExecutor(pool), tableOf(name, ['id', 'v'], onConflict), rows)
      await pool.end()
      const failed = all.flatMap((outcome, id) =>
        outcome.status === 'rejected' ? [{ id, error: outcome.reason }] : [],
      )
      assert.equal(
        failed.map(({ id }) => id),
        [BAD],
      )
      const { error } = failed[0]!
      assert.instance(error, RowFailedError)
      assert.equal([error.fault, error.databaseCode, error.ambiguous], ['row', code, false])
      assert.equal(await scene.sql(`SELECT count(*)::int AS n FROM ${name}`), [{ n: ROWS - 1 }])
    })
  }
}

test('a missing table, column, index or right costs a few attempts, and says what is missing', async () => {
  const name = await scene.table('id integer PRIMARY KEY, v text, g integer GENERATED ALWAYS AS (1) STORED')
  const upsert = { action: 'update', keys: ['id'] } as const
  const monitor = new pg.Pool({ connectionString: scene.url, max: 2, options: '-c role=pg_monitor' })
  await scene.sql(`GRANT USAGE ON SCHEMA ${scene.schema} TO pg_monitor`)
  const full = `${scene.schema}.${name}`
  for (const [pool, table, reason, detail] of [
    [scene.pool, tableOf('nowhere', ['id', 'v']), 'schema', /relation "nowhere" does not exist/],
    [scene.pool, tableOf('no_schema.t', ['id', 'v']), 'schema', /"no_schema/],
    [scene.pool, tableOf(name, ['id', 'nothing']), 'schema', /column "nothing"/],
    [
      scene.pool,
      tableOf(name, ['id', 'v'], { action: 'update', keys: ['v'] }),
      'schema',
      /no unique or exclusion constraint/,
    ],
    [scene.pool, tableOf(name, ['id', 'g']), 'schema', /column "g"/],
    [monitor, tableOf(full, ['id', 'v']), 'permission', undefined],
    [monitor, tableOf(full, ['id', 'v'], upsert), 'permission', undefined],
  ] as const) {
    let queries = 0
    const counting = {
      connect: () => {
        queries++
        return pool.connect()
      },
    }
    const rows = Array.from({ length: 500 }, (_, id) => ({ id, v: 'x', nothing: 1, g: 2 }))
    const all = await outcomes(postgresExecutor(counting), table, rows)
    for (const outcome of all) {
      assert.is(outcome.status, 'rejected')
      const { reason: error } = outcome as PromiseRejectedResult
      assert.equal([error.reason, error.fault], [reason, 'place'])
      if (detail !== undefined) assert.match(error.message, detail)
    }
    assert.ok(queries < 10, `${queries} connections`)
  }
  await monitor.end()
})

test('no more than one message may hold is divided before it is sent', async () => {
  const name = await scene.table('id integer PRIMARY KEY, v bytea')
  const rows = Array.from({ length: 3 }, (_, id) => ({ id, v: Buffer.alloc(60 * 1024 * 1024) }))
  const table = tableOf(name, ['id', 'v'], { action: 'update', keys: ['id'] })
  const all = await outcomes(postgresExecutor(scene.pool), table, rows)
  assert.ok(all.every(({ status }) => status === 'fulfilled'))
  const sizes = await scene.sql(`SELECT count(*)::int AS rows, count(DISTINCT xmin::text)::int AS parts FROM ${name}`)
  assert.equal(sizes, [{ rows: 3, parts: 2 }])
})

test('an attempt of no row writes none', async () => {
  const name = await scene.table('id integer PRIMARY KEY, v text[]')
  for (const onConflict of [undefined, { action: 'update', keys: ['id'] } as const]) {
    const table = tableOf(name, ['id', 'v'], onConflict)
    for (const prepare of [true, false]) {
      await new PostgresDriver(scene.pool, { prepare }).probe({ table, columns: table.columns }, { signal: never })
    }
  }
  assert.equal(await scene.sql(`SELECT * FROM ${name}`), [])
})

test.run()
