import { Redis } from 'ioredis'
import libsql from 'libsql'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RowFailedError } from '../../src/contract/errors.ts'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import { sqliteExecutor } from '../../src/drivers/sqlite/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { thrownBy } from '../support/assertions.ts'
import { updated, user, users } from '../support/engine/tables.ts'
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
    await pool.query('SELECT 1')
    await pool.end()
    return postgresExecutor(pool)
  })
}

if (mysql !== undefined) {
  says('mysql2', 'the pool was ended', async () => {
    const pool = createPool(mysql.url)
    await pool.query('SELECT 1')
    await pool.end()
    return mysqlExecutor(pool)
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

says('libsql', 'the database was closed', async () => {
  const database = new libsql(':memory:')
  database.close()
  return sqliteExecutor(database)
})

test.run()
