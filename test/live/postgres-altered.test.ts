import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { TableCheckError } from '../../src/contract/errors.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { Scene, tableOf, write } from '../support/databases/postgres.ts'

const scene = await Scene.open({ max: 2 })
const test = suite('a table that is altered while the process runs')
test.after(() => scene.close())

const UPSERT = { action: 'update', keys: ['id'] } as const

for (const prepare of [true, false]) {
  for (const [what, { before, after, value, stored }] of Object.entries({
    'more digits': { before: 'real', after: 'double precision', value: 0.1, stored: 0.1 },
    'larger numbers': { before: 'integer', after: 'bigint', value: 3e9, stored: '3000000000' },
    'numbers of any size': {
      before: 'double precision',
      after: 'numeric',
      value: '0.12345678901234567890',
      stored: '0.12345678901234567890',
    },
    'an array': { before: 'integer', after: 'integer[] USING ARRAY[v]', value: [3], stored: [3] },
    'text that is bytes': {
      before: 'text',
      after: "bytea USING ''::bytea",
      value: Buffer.from('x'),
      stored: Buffer.from('x'),
    },
  })) {
    test(`an upsert stores what the new type holds: ${what}, prepare: ${prepare}`, async () => {
      const name = await scene.table(`id integer PRIMARY KEY, v ${before}`)
      const driver = scene.driver({ prepare })
      const table = tableOf(name, ['id', 'v'], UPSERT)
      await write(driver, table, [{ id: 0 }])
      await write(driver, table, [{ id: 0 }])
      await scene.sql(`ALTER TABLE ${name} ALTER v TYPE ${after}`)
      await write(driver, table, [{ id: 1, v: value }])
      assert.equal(await scene.sql(`SELECT v FROM ${name} WHERE id = 1`), [{ v: stored }])
    })
  }
}

/** Writes one row with COPY, alters the table, and writes another; the name of the last operation. */
async function appended(columns: string, alter: (name: string) => string, options = '') {
  const name = await scene.table(columns)
  const driver = scene.driver()
  const table = tableOf(name, ['id', 'v'])
  assert.is((await write(driver, table, [{ id: 1, v: 'a' }])).name, 'COPY')
  await scene.sql(alter(name) + options)
  const operation = await write(driver, table, [{ id: 2, v: 'b' }]).then(
    (done) => done.name,
    (error: Error) => Reflect.get(error.cause as Error, 'code') as string,
  )
  return { operation, rows: await scene.sql(`SELECT id, v FROM ${name} ORDER BY id`) }
}

for (const type of ['text', 'inet']) {
  test(`a rule that appears is minded, ${type}`, async () => {
    const columns = `id integer, v text, w ${type}`
    const found = await appended(
      columns,
      (name) => `CREATE RULE quiet AS ON INSERT TO ${name} WHERE new.id = 2 DO INSTEAD NOTHING`,
    )
    assert.equal(found, { operation: 'INSERT', rows: [{ id: 1, v: 'a' }] })
  })
}

test('an identity that is always generated from now on refuses values', async () => {
  const { operation, rows } = await appended(
    'id integer NOT NULL, v text',
    (name) => `ALTER TABLE ${name} ALTER id ADD GENERATED ALWAYS AS IDENTITY`,
  )
  assert.equal([operation, rows.length], ['428C9', 1])
})

test('a table in whose place there is a view is written like one', async () => {
  const { operation, rows } = await appended(
    'id integer, v text',
    (name) => `ALTER TABLE ${name} RENAME TO ${name}_old;
      CREATE VIEW ${name} AS SELECT id, v FROM ${name}_old WHERE id < 9`,
  )
  assert.is(operation, 'INSERT')
  assert.is(rows.length, 2)
})

/** What a check finds wrong. */
function problemsOf(columns: readonly string[], keys: readonly string[], name: string): Promise<readonly string[]> {
  return createExecutor(scene.driver())
    .check(tableOf(name, columns, { action: 'update', keys }))
    .then(
      () => [],
      (error: unknown) => (error instanceof TableCheckError ? error.problems.map(({ text }) => text) : [String(error)]),
    )
}

test('a check tells which indexes a conflict can go by, and which columns the server fills', async () => {
  const name = await scene.table(
    `id bigint PRIMARY KEY, a int UNIQUE DEFERRABLE, b int, twice int GENERATED ALWAYS AS (2 * b) STORED,
     own int GENERATED ALWAYS AS IDENTITY, filled int NOT NULL`,
  )
  await scene.sql(`CREATE UNIQUE INDEX ON ${name} (b) WHERE b > 0`)
  assert.equal(await problemsOf(['a', 'id', 'twice', 'own'], ['a'], name), [
    'the database alone writes column twice',
    'the database alone writes column own',
    'column filled is NOT NULL, without a default, and not written',
    'there is no unique index over a',
  ])
  assert.equal(await problemsOf(['id', 'b', 'filled'], ['b'], name), ['there is no unique index over b'])
  await scene.sql(`CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.filled := 1; RETURN NEW; END';
    CREATE TRIGGER fill BEFORE INSERT ON ${name} FOR EACH ROW EXECUTE FUNCTION fill()`)
  assert.equal(await problemsOf(['id', 'b'], ['id'], name), [])
})

test('a check knows rights to single columns', async () => {
  const name = await scene.table('id bigint PRIMARY KEY, v text, secret text')
  const role = `${scene.schema}_checked`
  await scene.sql(`CREATE ROLE ${role}; GRANT USAGE ON SCHEMA ${scene.schema} TO ${role};
    GRANT INSERT (id, v), SELECT (id, v), UPDATE (v) ON ${name} TO ${role}`)
  const pool = new pg.Pool({
    connectionString: scene.url,
    max: 1,
    options: `-c search_path=${scene.schema} -c role=${role}`,
  })
  try {
    const executor = postgresExecutor(pool)
    await executor.check(tableOf(name, ['id', 'v'], { action: 'update', keys: ['id'] }))
    await executor.check(tableOf(name, ['id', 'v', 'secret'])).then(assert.unreachable as never, (error: unknown) => {
      assert.ok(error instanceof TableCheckError)
      assert.match(error.message, 'the right to INSERT is missing (grant it to this user)')
    })
  } finally {
    await pool.end()
    await scene.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})

test.run()
