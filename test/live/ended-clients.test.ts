import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import libsql from 'libsql'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import { sqliteExecutor } from '../../src/drivers/sqlite/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import type { DeadLetter } from '../../src/flow/dead-letters.ts'
import { thrownBy } from '../support/assertions.ts'
import { type User, updated, user, users, usersFrom } from '../support/engine/tables.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('a client that is ended before its flow is closed')

const [postgres, mysql, redis] = await Promise.all([servers.postgres(), servers.mysql(), servers.redis()])

/** Ends the client, then writes a row of either kind. */
function says(name: string, expected: string, ended: () => Promise<Executor>): void {
  test(`${name}: ${expected}`, async () => {
    const executor = (await ended()).withRetry({ maxAttempts: 5 })
    const flow = new BatchFlow(executor, { flushSize: 1, deadLetter: () => {} })
    for (const table of [users, updated]) {
      const error = (await thrownBy(() => flow.write(table, user(1)))) as RowFailedError
      const { reason, fault, attempts, ambiguous } = error
      assert.equal([reason, fault, attempts, ambiguous], ['non_retryable', 'place', 1, false])
      assert.is(
        error.message,
        `row of table "${table.name}" failed after 1 attempt: non_retryable; ${expected} before flow.close()`,
      )
    }
    await flow.close()
  })
}

if (postgres !== undefined) {
  says('pg', 'the pool was ended', async () => {
    const pool = new pg.Pool({ connectionString: postgres.url })
    const executor = postgresExecutor(pool)
    await pool.query('SELECT 1')
    await pool.end()
    return executor
  })
}

if (mysql !== undefined) {
  says('mysql2', 'the pool was ended', async () => {
    const pool = createPool(mysql.url)
    const executor = mysqlExecutor(pool)
    await pool.query('SELECT 1')
    await pool.end()
    return executor
  })
}

if (redis !== undefined) {
  for (const end of ['quit', 'disconnect'] as const) {
    says(`ioredis, ${end}`, 'the connection to Redis was ended', async () => {
      const client = new Redis(redis.url)
      await client.ping()
      const ended = new Promise((resolve) => client.once('end', resolve))
      await client[end]()
      await ended
      return redisExecutor(client)
    })
  }
}

/** Ends the client while batches are under way, rows of one key one behind the other. */
function settles(
  name: string,
  open: () => Promise<{ executor: Executor; end: () => unknown; clear: () => Promise<unknown> }>,
) {
  test(`${name}: ended in the middle, every row is settled soon, and those not sent say why`, async () => {
    const { executor, end, clear } = await open()
    const told = new Set<string>()
    const deadLetter = (letters: readonly DeadLetter[]) => {
      for (const { error } of letters) told.add(error.message.replace(/after \d attempts?/, 'after n'))
    }
    const flow = new BatchFlow(executor.withConcurrencyLimit(4).withRetry({ maxAttempts: 3 }), {
      flushSize: 100,
      deadLetter,
    })
    const begin = performance.now()
    await flow.submitMany(TABLE, usersFrom(1, 3000))
    setImmediate(end)
    await flow.submitMany(TABLE, usersFrom(1, 3000))
    const { committed, failed, abandoned } = await flow.close({ timeout: 20_000 })
    await clear()
    assert.equal([committed + failed, abandoned], [6000, 0])
    assert.ok(performance.now() - begin < 10_000, 'no row waits for its time limit, or longer')
    assert.match([...told].join('\n'), /after n: non_retryable; the .* was ended before flow\.close\(\)/)
  })
}

const TABLE = defineTable<User>(`ended_${process.pid}`, {
  columns: ['id', 'name', 'email'],
  onConflict: { action: 'update', keys: ['id'] },
})

if (postgres !== undefined) {
  settles('pg', async () => {
    const pool = new pg.Pool({ connectionString: postgres.url, max: 4 })
    pool.on('error', () => {}) // idle connections, when it is ended
    await pool.query(`CREATE TABLE ${TABLE.name} (id int PRIMARY KEY, name text, email text)`)
    const clear = async () => {
      const admin = new pg.Pool({ connectionString: postgres.url })
      await admin.query(`DROP TABLE ${TABLE.name}`)
      await admin.end()
    }
    return { executor: postgresExecutor(pool), end: () => pool.end(), clear }
  })
}

if (redis !== undefined) {
  for (const end of ['quit', 'disconnect'] as const) {
    settles(`ioredis, ${end}`, async () => {
      const client = new Redis(redis.url)
      client.on('error', () => {}) // what was under way
      await client.ping()
      const clear = async () => {
        const admin = new Redis(redis.url)
        const keys = await admin.keys(`${TABLE.name}*`)
        if (keys.length > 0) await admin.del(keys)
        await admin.quit()
      }
      // The server may close the connection before ioredis has read the answer to QUIT
      const ended = async () => void (await Promise.resolve(client[end]()).catch(() => {}))
      return { executor: redisExecutor(client), end: ended, clear }
    })
  }
}

const clients: Record<string, () => Redis | Redis5> = {
  5: () => new Redis5(1, '127.0.0.1', { retryStrategy: () => 200 }), // nobody listens there
  6: () => new Redis(1, '127.0.0.1', { retryStrategy: () => 200 }),
}
for (const [version, connect] of Object.entries(clients)) {
  test(`ioredis ${version}: disconnected during an outage, it stays so, and rows say why`, async () => {
    const client = connect()
    client.on('error', () => {})
    const executor = redisExecutor(client).withRetry({ backoffBase: 10, maxBackoff: 20, maxOutage: 60_000 })
    const flow = new BatchFlow(executor, { flushSize: 1, deadLetter: () => {} })
    const write = flow.write(users, user(1)).catch((error: RowFailedError) => error)
    let tries = 0
    await new Promise<void>((resolve) => client.on('connecting', () => ++tries === 5 && resolve()))
    await new Promise((resolve) => client.once('reconnecting', resolve))
    client.disconnect()
    const before = tries
    await sleep(500) // timers of earlier tries would be over
    assert.is(tries, before, 'it does not connect again')
    const { reason, message } = (await write) as RowFailedError
    assert.is(reason, 'non_retryable')
    assert.match(message, /the connection to Redis was ended before flow\.close\(\)/)
    await flow.close()
  })
}

says('libsql', 'the database was closed', async () => {
  const database = new libsql(':memory:')
  const executor = sqliteExecutor(database)
  database.close()
  return executor
})

test.run()
