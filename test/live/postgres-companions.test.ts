import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError, type Driver } from '../../src/contract/driver.ts'
import { CompanionError, FencedError } from '../../src/contract/errors.ts'
import type { Table } from '../../src/contract/table.ts'
import { PostgresDriver } from '../../src/drivers/postgres/driver.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { thrownBy } from '../support/assertions.ts'
import { type AnyRow, Scene, never as signal, tableOf } from '../support/databases/postgres.ts'
import { reasonsOf, writeAll } from './conformance/harness.ts'

const test = suite('companions of PostgreSQL')
const scene = await Scene.open()
test.after(() => scene.close())

const move = (scope: string, expected: string, value: string) => ({ kind: 'move', scope, expected, value }) as const

async function write(driver: Driver, table: Table, rows: readonly AnyRow[], companion: ReturnType<typeof move>) {
  const context = { signal, isolate: false, companion }
  const operation = await driver.plan({ table, columns: table.columns, rows }, context)
  try {
    await driver.run(operation, context)
    return operation.name
  } finally {
    operation.release?.()
  }
}

const WAYS = [
  ['COPY', {}, 'id int, name text', { id: 1, name: 'a' }],
  ['COPY', { appendMethod: 'copy' }, 'id int, name xml', { id: 1, name: '<a/>' }],
  ['INSERT', { appendMethod: 'insert' }, 'id int, name text', { id: 1, name: 'a' }],
  ['INSERT', { prepare: false }, 'id int, name text', { id: 1, name: 'a' }],
  ['INSERT', { prepare: false, appendMethod: 'copy' }, 'id int, name text', { id: 1, name: 'a' }],
] as const

for (const [how, options, columns, row] of WAYS) {
  test(`${how}, ${JSON.stringify(options)}, ${columns}: in one transaction with the position`, async () => {
    const driver = scene.driver(options)
    const name = await scene.table(`${columns}, CHECK (id > 0)`)
    const table = tableOf(name, ['id', 'name'])
    await driver.companions.claim([name], signal)
    for (let i = 0; i < 6; i++)
      assert.is(await write(driver, table, [row], move(name, i ? `${i}` : '', `${i + 1}`)), how)
    for (let i = 0; i < 6; i++) {
      const fenced = await thrownBy(() => write(driver, table, [row], move(name, '1', '2')))
      assert.ok(fenced instanceof AttemptError && fenced.cause instanceof FencedError && !fenced.ambiguous)
      const bad = await thrownBy(() => write(driver, table, [row, { ...row, id: -1 }], move(name, '6', '7')))
      assert.is((bad as { cause: { code: string } }).cause.code, '23514')
    }
    assert.equal(await scene.sql(`SELECT count(*)::int FROM ${name}`), [{ count: 6 }])
    assert.is((await driver.companions.claim([name], signal)).get(name), '6')
  })
}

test('a row cannot pass for a fence', async () => {
  const driver = scene.driver({ appendMethod: 'insert' })
  const table = tableOf(await scene.table('id int, n int[]'), ['id', 'n'])
  await driver.companions.claim(['row'], signal)
  const words = 'batchflow: the position was moved by somebody else, rows 0'
  const error = await thrownBy(() => write(driver, table, [{ id: 1, n: [words] }], move('row', '', '1')))
  assert.not.ok((error as AttemptError).cause instanceof FencedError)
  assert.is((await driver.companions.claim(['row'], signal)).get('row'), '')
})

test('a table of tokens that was dropped is made again', async () => {
  const driver = scene.driver({ companions: { tokens: 'dropped' } })
  const executor = createExecutor(driver).withRetry({ onAmbiguous: 'verify' })
  const table = tableOf(await scene.table('id int'), ['id'])
  assert.is((await writeAll(executor, table, [{ id: 1 }])).summary.committed, 1)
  await scene.sql('DROP TABLE dropped')
  assert.is((await writeAll(executor, table, [{ id: 2 }, { id: 3 }])).summary.committed, 2)
  assert.equal(await scene.sql('SELECT count(*)::int FROM dropped'), [{ count: 1 }])
})

test('who may not make the tables, or not use them, is told what to run', async () => {
  const role = `${scene.schema}_role`
  const table = tableOf(`${scene.schema}.${await scene.table('id int')}`, ['id'])
  await scene.sql(`CREATE ROLE ${role} LOGIN PASSWORD 'theirs'; GRANT USAGE ON SCHEMA ${scene.schema} TO ${role}`)
  await scene.sql(`GRANT INSERT ON ${table.name} TO ${role}`)
  const url = new URL(scene.url)
  url.username = role
  url.password = 'theirs'
  const pool = new pg.Pool({ connectionString: url.href, max: 2 })
  try {
    const names = { positions: `${scene.schema}.theirs_p`, tokens: `${scene.schema}.theirs_t` }
    const driver = new PostgresDriver(pool, { companions: names })
    const missing = (await thrownBy(() => driver.companions.claim(['a'], signal))) as AttemptError
    assert.ok(missing.cause instanceof CompanionError && missing.fault === 'place')
    assert.match(
      missing.cause.message,
      /missing and could not be made: permission denied.*: CREATE TABLE IF NOT EXISTS "/,
    )
    const executor = createExecutor(driver).withRetry({ onAmbiguous: 'verify', backoffBase: 1 })
    const rows = Array.from({ length: 8 }, (_, id) => ({ id }))
    const first = await writeAll(executor, table, rows)
    assert.equal([first.errors, reasonsOf(first)[7]], [['final:permission'], 'permission'])

    await scene.sql('CREATE TABLE theirs_t (token text PRIMARY KEY, written_at timestamptz NOT NULL DEFAULT now())')
    await scene.sql(`GRANT SELECT ON theirs_t TO ${role}`)
    const second = await writeAll(executor, table, rows)
    assert.equal(second.errors, ['final:permission'], 'one attempt, not one for each row')
    const { reason: error } = second.results[0] as PromiseRejectedResult
    assert.match(
      error.message,
      /refused what is committed together with a batch: .* needs: GRANT SELECT, INSERT, DELETE ON "/,
    )
    assert.is(error.fault, 'place')
    await scene.sql(`GRANT INSERT ON theirs_t TO ${role}`)
    assert.is((await writeAll(executor, table, rows)).summary.committed, 8)
  } finally {
    await pool.end()
    await scene.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})

test.run()
