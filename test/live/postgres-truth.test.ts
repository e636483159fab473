/** What a receipt says is what the table holds: tables that change while the process runs, rows refused under any code. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { type AnyRow, Scene } from '../support/databases/postgres.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'

const test = suite('the truth about PostgreSQL')
const scene = await Scene.open()
test.after(() => scene.close())

const uncaught: unknown[] = []
process.on('uncaughtException', (error) => uncaught.push(error))
process.on('unhandledRejection', (error) => uncaught.push(error))

function keyed(name: string, columns: readonly string[]) {
  return defineTable<AnyRow>(name, { columns, onConflict: { action: 'update', keys: ['id'] } })
}

async function write(table: ReturnType<typeof keyed>, rows: readonly AnyRow[], executor?: Executor) {
  const reporter = new RecordingReporter()
  const executing = (executor ?? postgresExecutor(scene.pool)).withMetricsReporter(reporter)
  const flow = new BatchFlow(executing, { flushSize: Math.max(rows.length, 1) })
  const results = await flow.writeMany(table, rows)
  await flow.close()
  const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as RowFailedError] : []))
  return { results, errors, failed: results.flatMap(({ status }, i) => (status === 'rejected' ? [i] : [])) }
}

test('upserts go on with the types a column has now', async () => {
  const name = await scene.table('id int PRIMARY KEY, a real, b int')
  const executor = postgresExecutor(scene.pool)
  const table = keyed(name, ['id', 'a', 'b'])
  await write(table, [{ id: 1, a: 0.1, b: 1 }], executor)
  await scene.sql(`ALTER TABLE ${name} ALTER a TYPE float8, ALTER b TYPE bigint`)
  const { errors } = await write(table, [{ id: 1, a: 0.1, b: 3e9 }], executor)
  assert.equal(errors, [])
  assert.equal(await scene.sql(`SELECT a, b::text FROM ${name}`), [{ a: 0.1, b: '3000000000' }])
})

test('appends in the text format heed a rule that appears, and an identity', async () => {
  const name = await scene.table('id int, v point')
  const aside = await scene.table('id int')
  const executor = postgresExecutor(scene.pool)
  const table = defineTable<AnyRow>(name, { columns: ['id', 'v'] })
  await write(table, [{ id: 1, v: '(1,2)' }], executor)
  await scene.sql(`CREATE RULE aside AS ON INSERT TO ${name} DO INSTEAD INSERT INTO ${aside} VALUES (NEW.id)`)
  await write(table, [{ id: 2, v: '(1,2)' }], executor)
  assert.equal(await scene.sql(`SELECT id FROM ${aside}`), [{ id: 2 }])
  const numbered = await scene.table('id int NOT NULL, v point')
  const other = defineTable<AnyRow>(numbered, { columns: ['id', 'v'] })
  await write(other, [{ id: 1, v: '(1,2)' }], executor)
  await scene.sql(`ALTER TABLE ${numbered} ALTER id ADD GENERATED ALWAYS AS IDENTITY`)
  const { errors } = await write(other, [{ id: 7, v: '(1,2)' }], executor)
  assert.equal(
    errors.map(({ reason }) => reason),
    ['schema'],
  )
})

const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
const raising = (name: string, code: string) =>
  `CREATE FUNCTION ${name}_f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     IF NEW.v = 'bad' THEN RAISE 'no' USING ERRCODE = '${code}'; END IF; RETURN NEW; END $$;
   CREATE TRIGGER t BEFORE INSERT OR UPDATE ON ${name} FOR EACH ROW EXECUTE FUNCTION ${name}_f()`

const refusals: Record<string, [columns: string, prepare: (name: string) => string, bad: AnyRow]> = {
  'nested too deeply (54001)': ['id int PRIMARY KEY, v jsonb', () => 'SELECT 1', { v: deep }],
  'refused by a trigger under a code of its own (MY001)': [
    'id int PRIMARY KEY, v text',
    (name) => raising(name, 'MY001'),
    { v: 'bad' },
  ],
  'refused by a trigger under a code of syntax (42601)': [
    'id int PRIMARY KEY, v text',
    (name) => raising(name, '42601'),
    { v: 'bad' },
  ],
  'refused under a code of permission (42501)': [
    'id int PRIMARY KEY, v text',
    (name) => raising(name, '42501'),
    { v: 'bad' },
  ],
}
for (const [what, [columns, prepare, bad]] of Object.entries(refusals)) {
  for (const action of ['append', 'upsert'] as const) {
    test(`a row that is ${what} fails alone, ${action}`, async () => {
      const name = await scene.table(columns)
      await scene.sql(prepare(name))
      const table = action === 'upsert' ? keyed(name, ['id', 'v']) : defineTable<AnyRow>(name, { columns: ['id', 'v'] })
      const rows = Array.from({ length: 100 }, (_, id) => ({ id, v: '"fine"', ...(id === 37 && bad) }))
      const { failed, errors } = await write(table as never, rows)
      assert.equal(failed, [37])
      assert.equal([errors[0]?.fault, errors[0]?.ambiguous], ['row', false])
      assert.is((await scene.sql(`SELECT id FROM ${name}`)).length, 99)
    })
  }
}

test('a table that is not there is told with the words of the server, after one attempt', async () => {
  const executor = postgresExecutor(scene.pool)
  const { errors } = await write(keyed('nowhere', ['id', 'v']), [{ id: 1 }, { id: 2 }], executor)
  assert.equal(
    errors.map(({ reason, fault, attempts }) => [reason, fault, attempts]),
    Array(2).fill(['schema', 'place', 1]),
  )
  assert.match(errors[0]!.message, /relation "nowhere" does not exist/)
})

test('names longer than the server keeps stand for the columns it has', async () => {
  const long = ['a'.repeat(70), `${'b'.repeat(62)}üü`]
  const name = await scene.table(`id int PRIMARY KEY, "${long[0]}" int, "${long[1]}" float8`)
  for (const v of [1, 2]) {
    const { errors } = await write(keyed(name, ['id', ...long]), [{ id: 1, [long[0]!]: v, [long[1]!]: v / 10 }])
    assert.equal(errors, [])
  }
  const [row] = await scene.sql(`SELECT * FROM ${name}`)
  assert.equal(Object.values(row!), [1, 2, 0.2])
})

test('functions and symbols are no values', async () => {
  const name = await scene.table('id int PRIMARY KEY, v text')
  const rows = [{ id: 1, v: () => 1 }, { id: 2, v: Symbol('x') }, { id: 3 }, { id: 4, v: 'fine' }]
  const { failed, errors } = await write(keyed(name, ['id', 'v']), rows)
  assert.equal(failed, [0, 1])
  assert.ok(errors.every(({ reason }) => reason === 'invalid_data'))
})

test('statements for ever other sets of columns are not kept for ever', async () => {
  const columns = Array.from({ length: 12 }, (_, i) => `c${i}`)
  const name = await scene.table(`id int PRIMARY KEY, ${columns.map((column) => `${column} int`).join(', ')}`)
  const pool = new pg.Pool({ connectionString: scene.url, max: 1, options: `-c search_path=${scene.schema}` })
  const executor = postgresExecutor(pool)
  const rows = Array.from({ length: 600 }, (_, id) => ({
    id,
    ...Object.fromEntries(columns.flatMap((column, i) => ((id >> i) & 1 ? [[column, id]] : []))),
  }))
  assert.equal((await write(keyed(name, ['id', ...columns]), rows, executor)).errors, [])
  const { rows: kept } = await pool.query(
    "SELECT count(*)::int AS n FROM pg_prepared_statements WHERE name LIKE 'batchflow%'",
  )
  assert.ok(kept[0].n > 50 && kept[0].n <= 110, `${kept[0].n} statements`)
  await pool.end()
})

test('a pool that nobody listens to gets a listener; one of the application stays alone', async () => {
  const [deaf, heard] = [new pg.Pool(), new pg.Pool()]
  heard.on('error', () => undefined)
  for (const pool of [deaf, heard]) {
    postgresExecutor(pool)
    postgresExecutor(pool)
    assert.is(pool.listenerCount('error'), 1)
    await pool.end()
  }
})

test('backends that are terminated every 50 ms cost no row and no process', async () => {
  const name = await scene.table('id int PRIMARY KEY, v int')
  const pool = new pg.Pool({
    connectionString: scene.url,
    max: 4,
    options: `-c search_path=${scene.schema} -c application_name=${scene.schema}`,
  })
  const flow = new BatchFlow(
    postgresExecutor(pool).withConcurrencyLimit(4).withRetry({ maxAttempts: 50, backoffBase: 5, maxBackoff: 50 }),
    { flushSize: 100, flushInterval: 5 },
  )
  const table = keyed(name, ['id', 'v'])
  const end = Date.now() + Number(process.env['FAULT_SECONDS'] ?? 5) * 1000
  let killed = 0
  const killing = (async () => {
    for (; Date.now() < end; await sleep(50)) {
      const sql = 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1'
      killed += (await scene.sql(sql, [scene.schema])).length
    }
  })()
  const last = new Map<number, number>()
  for (let v = 0; Date.now() < end; v++) {
    last.set(v % 500, v)
    await flow.submit(table, { id: v % 500, v })
    if (v % 50 === 0) await sleep(2)
  }
  await killing
  const { failed, abandoned } = await flow.close()
  assert.equal([failed, abandoned], [0, 0])
  const stored = await scene.sql(`SELECT id, v FROM ${name}`)
  assert.equal(new Map(stored.map(({ id, v }) => [id as number, v as number])).size, last.size)
  for (const { id, v } of stored) assert.is(v, last.get(id as number))
  assert.ok(killed > 20, `${killed} were terminated`)
  assert.equal(uncaught, [])
  await pool.end()
})

test.run()
