/** A spool over real databases: exactly once with the position in the database, whatever state of the file comes back. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/contract/table.ts'
import { mysqlExecutor } from '../../../src/drivers/mysql/index.ts'
import { postgresExecutor } from '../../../src/drivers/postgres/index.ts'
import { redisExecutor } from '../../../src/drivers/redis/index.ts'
import type { Executor } from '../../../src/executor/executor.ts'
import { openSpool, spool, spoolPublisher } from '../../../src/sources/spool/index.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'
import { SpoolFiles } from '../../sources/spool/spool-files.ts'
import { rejectsWith } from '../../support/assertions.ts'
import { servers } from '../../support/servers/servers.ts'

const test = suite('a spool over real databases')
const ROWS = 3000
const name = `spool_live_${process.pid}_${Date.now()}`
const rows = defineTable<{ id: number; name: string }>(name, { columns: ['id', 'name'] })
const written = Array.from({ length: ROWS }, (_, id) => ({ id, name: `row ${id}` }))

interface Place {
  readonly executor: Executor
  query(sql: string): Promise<Record<string, unknown>[]>
  end(): Promise<unknown>
}

const places = new Map<string, () => Place>()
const [postgres, mariadb, redis] = [await servers.postgres(), await servers.mysql(), await servers.redis()]
if (postgres === undefined) test.skip('postgres')
else {
  places.set('postgres', () => {
    const pool = new pg.Pool({ connectionString: postgres.url })
    return {
      executor: postgresExecutor(pool),
      query: async (sql) => (await pool.query(sql)).rows,
      end: () => pool.end(),
    }
  })
}
if (mariadb === undefined) test.skip('mysql')
else {
  places.set('mysql', () => {
    const pool = mysql.createPool(mariadb.url)
    const query = async (sql: string) => (await pool.query(sql))[0] as Record<string, unknown>[]
    return { executor: mysqlExecutor(pool), query, end: () => pool.end() }
  })
}

for (const [database, open] of places) {
  test(`${database}: rows are there once, when an old state of the file comes back too`, async () => {
    const files = new SpoolFiles()
    const place = open()
    let scope = ''
    try {
      await place.query(`CREATE TABLE ${name} (id int, name varchar(100))`)
      const log = spool(files.connect())
      scope = log.destination
      await spoolPublisher(log).submitMany(rows, written)
      const states = [files.copy(), files.copy()]
      await log.close()
      for (const state of [files.path, ...states]) {
        const flow = await openSpool(files.connect(state), place.executor, { tables: [rows], position: 'database' })
        while (flow.stats().spool.messages > 0) await sleep(5)
        assert.is((await flow.close()).left, 0)
      }
      const [counted] = await place.query(`SELECT count(*) AS n, count(DISTINCT id) AS d FROM ${name}`)
      assert.equal([Number(counted!['n']), Number(counted!['d'])], [ROWS, ROWS])
    } finally {
      await place.query(`DELETE FROM batchflow_positions WHERE scope LIKE '%${scope || 'none'}%'`)
      await place.query(`DROP TABLE IF EXISTS ${name}`)
      await place.end()
      files.remove()
    }
  })
}

if (redis === undefined) test.skip('redis')
else {
  test('redis: at least once, and nothing else', async () => {
    const files = new SpoolFiles()
    const client = new Redis(redis.url)
    try {
      const hashes = defineTable<{ id: number; name: string }>(name, {
        columns: ['id', 'name'],
        onConflict: { action: 'replace', keys: ['id'] },
      })
      const executor = redisExecutor(client)
      await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', /needs a database with transactions/, () =>
        openSpool(files.connect(), executor, { tables: [hashes], position: 'database' }),
      )
      const flow = await openSpool(files.connect(), executor, { tables: [hashes], acks: 'broker' })
      await flow.submitMany(hashes, written.slice(0, 100))
      await flow.write(hashes, { id: 1, name: 'newer' })
      while (flow.stats().spool.messages > 0) await sleep(5)
      await flow.close()
      const keys = await client.keys(`*${name}*`)
      assert.is(keys.length, 100)
      assert.is((await client.hget(keys.find((key) => /\D1$/.test(key))!, 'name'))!, 'newer')
    } finally {
      const keys = await client.keys(`*${name}*`)
      if (keys.length > 0) await client.del(keys)
      client.disconnect()
      files.remove()
    }
  })
}

test.run()
