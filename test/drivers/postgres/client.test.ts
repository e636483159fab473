import pg from 'pg'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PgClient, PgPool } from '../../../src/drivers/postgres/client.ts'
import { PostgresDriver } from '../../../src/drivers/postgres/index.ts'

/** Compiles only as long as the real thing fits the slice we describe. */
function fits(pool: pg.Pool, client: pg.PoolClient): [PgPool, PgClient] {
  return [pool, client]
}

test('a pg.Pool is taken as it is, and not connected before it is needed', async () => {
  const pool = new pg.Pool()
  assert.is(typeof fits, 'function')
  assert.is(new PostgresDriver(pool).name, 'postgres')
  assert.is(pool.totalCount, 0)
  await pool.end()
})

test.run()
