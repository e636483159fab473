import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { servers } from '../support/servers/servers.ts'

const server = await servers.postgres()
const test = suite('a flow on PostgreSQL')

interface Version {
  key: number
  version: number
}

const RETRY = { maxAttempts: 50, backoffBase: 5, maxBackoff: 100 }

if (server !== undefined) {
  const admin = new pg.Pool({ connectionString: server.url, max: 2 })
  let made = 0

  /** A table of its own for each test, dropped afterwards. */
  const withTable = async (columns: string, act: (name: string) => Promise<void>) => {
    const name = `flow_test_${process.pid}_${++made}`
    await admin.query(`CREATE TABLE ${name} (${columns})`)
    try {
      await act(name)
    } finally {
      await admin.query(`DROP TABLE IF EXISTS ${name}`)
    }
  }

  /** A pool that this test alone uses, recognisable on the server. */
  const withPool = async (name: string, act: (executor: Executor) => Promise<void>) => {
    const pool = new pg.Pool({ connectionString: server.url, max: 8, application_name: name })
    pool.on('error', () => {}) // idle connections are killed here on purpose
    try {
      await act(postgresExecutor(pool).withConcurrencyLimit(8))
    } finally {
      await pool.end()
    }
  }

  /** Kills a backend of `name` that is at work, every few milliseconds until told to stop; counts the dead. */
  const killing = (name: string) => {
    let stopped = false
    let killed = 0
    const done = (async () => {
      while (!stopped) {
        const { rowCount } = await admin.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE application_name = $1 AND state <> 'idle' LIMIT 1`,
          [name],
        )
        killed += rowCount ?? 0
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      return killed
    })()
    return () => {
      stopped = true
      return done
    }
  }

  for (const [title, keys] of [
    ['two hot keys', 2],
    ['some hot keys', 200],
    ['many keys', 5000],
  ] as const) {
    test(`rows of a key never overtake each other with eight batches in flight: ${title}`, () =>
      withTable('key int PRIMARY KEY, version int NOT NULL', async (name) => {
        await admin.query(`CREATE FUNCTION ${name}_check() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF new.version <= old.version THEN RAISE 'overtaken' USING ERRCODE = 'XX000'; END IF; RETURN new; END $$`)
        await admin.query(`CREATE TRIGGER never_back BEFORE UPDATE ON ${name}
          FOR EACH ROW EXECUTE FUNCTION ${name}_check()`)
        try {
          await withPool(name, async (executor) => {
            const table = defineTable<Version>(name, {
              columns: ['key', 'version'],
              onConflict: { action: 'update', keys: ['key'] },
            })
            const flow = new BatchFlow(executor, { flushSize: 100, bufferSize: 2000, flushInterval: 1 })
            const last = new Map<number, number>()
            for (let version = 1; version <= 60_000; version++) {
              const key = Math.floor(Math.random() * keys)
              last.set(key, version)
              await flow.submit(table, { key, version })
            }
            const { committed, failed } = await flow.close()
            assert.equal({ committed, failed }, { committed: 60_000, failed: 0 })
            const { rows } = await admin.query<Version>(`SELECT key, version FROM ${name}`)
            assert.is(rows.length, last.size)
            for (const { key, version } of rows) assert.is(version, last.get(key))
          })
        } finally {
          await admin.query(`DROP TABLE ${name}; DROP FUNCTION ${name}_check`)
        }
      }))
  }

  test('backends killed in mid-batch: upserts are all there, with their last values', () =>
    withTable('key int PRIMARY KEY, version int NOT NULL', async (name) =>
      withPool(name, async (executor) => {
        const table = defineTable<Version>(name, {
          columns: ['key', 'version'],
          onConflict: { action: 'update', keys: ['key'] },
        })
        const stop = killing(name)
        const flow = new BatchFlow(executor.withRetry(RETRY), { flushSize: 200, flushInterval: 5 })
        for (let version = 1; version <= 60_000; version++) await flow.submit(table, { key: version % 3000, version })
        const { committed, failed } = await flow.close()
        assert.ok((await stop()) > 3, 'backends were killed at work')
        assert.equal({ committed, failed }, { committed: 60_000, failed: 0 })
        const { rows } = await admin.query(`SELECT count(*)::int AS count, min(version) AS oldest FROM ${name}`)
        assert.equal(rows, [{ count: 3000, oldest: 57_001 }])
      }),
    ))

  test('backends killed in mid-batch: every append is there at least once, and what was acknowledged is true', () =>
    withTable('id int NOT NULL', async (name) =>
      withPool(name, async (executor) => {
        const table = defineTable<{ id: number }>(name, { columns: ['id'] })
        const stop = killing(name)
        const flow = new BatchFlow(executor.withRetry(RETRY), { flushSize: 500, flushInterval: 5 })
        for (let id = 0; id < 200_000; id++) await flow.submit(table, { id })
        const { committed, failed } = await flow.close()
        assert.ok((await stop()) > 3, 'backends were killed at work')
        assert.equal({ committed, failed }, { committed: 200_000, failed: 0 })
        const { rows } = await admin.query(`SELECT count(DISTINCT id)::int AS ids FROM ${name}`)
        assert.equal(rows, [{ ids: 200_000 }])
      }),
    ))

  test("backends killed in mid-batch, onAmbiguous 'fail': nothing is there twice, nothing committed is missing", () =>
    withTable('id int NOT NULL', async (name) =>
      withPool(name, async (executor) => {
        const table = defineTable<{ id: number }>(name, { columns: ['id'] })
        const stop = killing(name)
        const uncertain = new Set<number>()
        const flow = new BatchFlow(executor.withRetry({ ...RETRY, onAmbiguous: 'fail' }), {
          flushSize: 500,
          flushInterval: 5,
          deadLetter: (letters) => {
            for (const { row, error } of letters) {
              assert.is(error.reason, 'connection')
              uncertain.add((row as { id: number }).id)
            }
          },
        })
        for (let id = 0; id < 200_000; id++) await flow.submit(table, { id })
        const { committed, failed } = await flow.close()
        await stop()
        assert.is(committed + failed, 200_000)
        assert.is(uncertain.size, failed)
        const { rows } = await admin.query<{ id: number; count: number }>(
          `SELECT id, count(*)::int AS count FROM ${name} GROUP BY id`,
        )
        assert.is(Math.max(...new Set(rows.map(({ count }) => count))), 1, 'no row is there twice')
        const there = new Set(rows.map(({ id }) => id))
        for (let id = 0; id < 200_000; id++) assert.ok(there.has(id) || uncertain.has(id), `row ${id} is lost`)
      }),
    ))

  test('while the database is stopped memory stays bounded, and afterwards nothing is missing', async () => {
    const own = await servers.embeddedPostgres()
    if (own === undefined) return
    const pool = new pg.Pool({ connectionString: own.url, max: 4 })
    pool.on('error', () => {}) // its connections die with the server
    try {
      await pool.query('CREATE TABLE stopped (id int PRIMARY KEY, payload text)')
      const table = defineTable<{ id: number; payload: string }>('stopped', {
        columns: ['id', 'payload'],
        onConflict: { action: 'ignore', keys: ['id'] },
      })
      const executor = postgresExecutor(pool)
        .withConcurrencyLimit(4)
        .withRetry({ ...RETRY, maxAttempts: 1000 })
      const flow = new BatchFlow(executor, { flushSize: 500, bufferSize: 5000 })
      await flow.write(table, { id: 0, payload: 'first' })
      await own.stop('immediate')
      let accepted = 1
      const payload = 'x'.repeat(1000)
      const producers = Array.from({ length: 4 }, async (_, p) => {
        for (let i = 0; i < 10_000; i++) {
          await flow.submit(table, { id: 1 + p * 10_000 + i, payload })
          accepted++
        }
      })
      await new Promise((resolve) => setTimeout(resolve, 1500))
      assert.is(accepted, 5001, 'exactly the buffer was accepted')
      assert.not.ok(flow.trySubmit(table, { id: -1, payload }))
      await own.start()
      await Promise.all(producers)
      const { committed, failed, abandoned } = await flow.close()
      assert.equal({ committed, failed, abandoned }, { committed: 40_001, failed: 0, abandoned: 0 })
      const { rows } = await pool.query('SELECT count(*)::int AS count FROM stopped')
      assert.equal(rows, [{ count: 40_001 }])
    } finally {
      await pool.end()
      await own.remove()
    }
  })

  test('a time limit ends the statement on the server, and the retry succeeds', () =>
    withTable('id int PRIMARY KEY', async (name) =>
      withPool(name, async (executor) => {
        const table = defineTable<{ id: number }>(name, {
          columns: ['id'],
          onConflict: { action: 'ignore', keys: ['id'] },
        })
        const blocker = await admin.connect()
        await blocker.query(`BEGIN; LOCK TABLE ${name}`)
        const flow = new BatchFlow(
          executor.withTimeout(200).withRetry({ maxAttempts: 3, backoffBase: 300, jitter: 0 }),
          {
            flushSize: 1,
          },
        )
        const write = flow.write(table, { id: 1 })
        await new Promise((resolve) => setTimeout(resolve, 350))
        const { rows } = await blocker.query(
          `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'`,
          [name],
        )
        await blocker.query('COMMIT')
        blocker.release()
        assert.equal(rows, [{ count: 0 }], 'between two attempts nothing of ours runs on the server')
        assert.is((await write).attempts, 2)
        await flow.close()
      }),
    ))

  test('one bad row of a batch fails alone', () =>
    withTable('id int CHECK (id >= 0)', async (name) =>
      withPool(name, async (executor) => {
        const table = defineTable<{ id: number }>(name, { columns: ['id'] })
        const flow = new BatchFlow(executor, { flushSize: 1000 })
        const rows = Array.from({ length: 1000 }, (_, id) => ({ id: id % 100 === 50 ? -id : id }))
        const outcome = await flow.writeMany(table, rows)
        const rejected = outcome.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []))
        assert.equal(rejected, [50, 150, 250, 350, 450, 550, 650, 750, 850, 950])
        const { rows: there } = await admin.query(`SELECT count(*)::int AS count FROM ${name}`)
        assert.equal(there, [{ count: 990 }])
        await flow.close()
      }),
    ))

  test.after(async () => {
    await admin.end()
    await server.stop()
  })
}

test.run()
