import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { type PostgresOptions, postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { servers } from '../support/servers/servers.ts'

interface Item {
  id: number
  name: string
}

/** More than the pooler has connections to the server, so that some wait inside it. */
const CLIENTS = 12
const ROWS = 20_000

const test = suite('a flow through PgBouncer in transaction mode')
const server = await servers.postgres()
const pooler = server && (await servers.privatePgbouncer(server.url))

if (server !== undefined && pooler !== undefined) {
  const direct = new pg.Pool({ connectionString: server.url, max: 1 })
  const pool = new pg.Pool({ connectionString: pooler.url, max: CLIENTS })
  const name = `pgbouncer_test_${process.pid}`
  const appended = defineTable<Item>(name, { columns: ['id', 'name'] })
  const updated = defineTable<Item>(name, { columns: ['id', 'name'], onConflict: { action: 'update', keys: ['id'] } })
  const flowOf = (options?: PostgresOptions) => {
    const executor = postgresExecutor(pool, options).withConcurrencyLimit(CLIENTS).withTimeout(10_000)
    return new BatchFlow(executor, { flushSize: 200, flushInterval: 5, deadLetter: () => {} })
  }
  const item = (id: number): Item => ({ id, name: `item ${id}` })

  test.before.each(async () => {
    await direct.query(
      `DROP TABLE IF EXISTS ${name}; CREATE TABLE ${name} (id int UNIQUE CHECK (id <> 777), name text)`,
    )
  })

  test.after(async () => {
    await direct.query(`DROP TABLE IF EXISTS ${name}`)
    await Promise.all([pool.end(), direct.end(), server.stop()])
    await pooler.remove()
  })

  const stored = async () => {
    const { rows } = await direct.query(`SELECT count(*)::int AS count, max(id) AS last FROM ${name}`)
    return rows[0]
  }

  /** Connections to the server that the pooler holds for a client, though none of them is doing anything. */
  const stuck = async () => {
    const admin = new pg.Client({ connectionString: pooler.url.replace(/[^/]*$/, 'pgbouncer'), user: 'pgbouncer' })
    await admin.connect()
    const { rows } = await admin.query<{ database: string; sv_active: number }>('SHOW POOLS')
    await admin.end()
    return rows
      .filter(({ database }) => database !== 'pgbouncer')
      .reduce((sum, pool) => sum + Number(pool.sv_active), 0)
  }

  test('appends are all there, once', async () => {
    const flow = flowOf()
    for (let id = 1000; id < 1000 + ROWS; id++) await flow.submit(appended, item(id))
    assert.is((await flow.close()).committed, ROWS)
    assert.equal(await stored(), { count: ROWS, last: 999 + ROWS })
    assert.is(await stuck(), 0)
  })

  test('bad rows leave no connection behind', async () => {
    const flow = flowOf()
    for (let id = 700; id < 900; id++) await flow.submit(appended, item(id))
    for (let round = 0; round < 20; round++) await flow.submit(appended, item(777))
    const { committed, failed } = await flow.close()
    assert.equal({ committed, failed }, { committed: 199, failed: 21 })
    assert.is((await stored()).count, 199)
    assert.is(await stuck(), 0)
  })

  for (const prepare of [true, false]) {
    test(`updates keep their last values, prepare: ${prepare}`, async () => {
      const flow = flowOf({ prepare })
      for (let id = 0; id < ROWS; id++) await flow.submit(updated, { id: 1000 + (id % 1500), name: `version ${id}` })
      assert.is((await flow.close()).committed, ROWS)
      const { rows } = await direct.query(`SELECT min(substr(name, 9)::int) AS oldest, count(*)::int FROM ${name}`)
      assert.equal(rows, [{ oldest: ROWS - 1500, count: 1500 }])
      assert.is(await stuck(), 0)
    })
  }
}

test.run()
