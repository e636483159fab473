/** Every connection of the pool is killed every 50 ms under load. `FAULT_SECONDS` is for how long (5). */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool, type RowDataPacket } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('MySQL connections that are killed')
const SECONDS = Number(process.env['FAULT_SECONDS'] ?? 5)
const server = await servers.mysql()

const uncaught: unknown[] = []
process.on('uncaughtException', (error) => uncaught.push(error))
process.on('unhandledRejection', (error) => uncaught.push(error))

async function withUser(url: string, work: (user: string, admin: ReturnType<typeof createPool>) => Promise<void>) {
  const admin = createPool({ uri: url, connectionLimit: 2 })
  const name = `kill_${randomBytes(6).toString('hex')}`
  await admin.query(`CREATE DATABASE ${name}`)
  await admin.query(`CREATE USER ${name}@'%' IDENTIFIED BY 'p'`)
  await admin.query(`GRANT ALL ON ${name}.* TO ${name}@'%'`)
  try {
    await work(name, admin)
  } finally {
    await admin.query(`DROP USER ${name}@'%'`)
    await admin.query(`DROP DATABASE ${name}`)
    await admin.end()
  }
}

function settled(write: Promise<unknown>): Promise<PromiseSettledResult<unknown>> {
  return Promise.allSettled([write]).then(([outcome]) => outcome!)
}

if (server !== undefined) {
  test('no error is uncaught, and every row is settled truthfully', () =>
    withUser(server.url, async (name, admin) => {
      await admin.query(`CREATE TABLE ${name}.events (n int PRIMARY KEY, rest varchar(100))`)
      const pool = createPool({ uri: server.url, user: name, password: 'p', database: name, connectionLimit: 8 })
      const executor = mysqlExecutor(pool)
        .withConcurrencyLimit(4)
        .withRetry({ maxAttempts: 8, backoffBase: 10, maxBackoff: 100, onAmbiguous: 'fail' })
      const flow = new BatchFlow(executor, { flushSize: 200, flushInterval: 5, deadLetter: () => {} })
      const events = defineTable<{ n: number; rest: string }>(`${name}.events`, { columns: ['n', 'rest'] })
      const end = Date.now() + SECONDS * 1000
      let killed = 0
      const killing = (async () => {
        for (; Date.now() < end; await sleep(50)) {
          const text = 'SELECT id FROM information_schema.processlist WHERE user = ?'
          const [rows] = await admin.query<RowDataPacket[]>(text, [name])
          for (const { id } of rows) {
            const done = await admin.query(`KILL CONNECTION ${Number(id)}`).then(
              () => 1,
              () => 0,
            )
            killed += done
          }
        }
      })()
      const writing: Promise<PromiseSettledResult<unknown>>[] = []
      while (Date.now() < end) {
        for (let i = 0; i < 100; i++)
          writing.push(settled(flow.write(events, { n: writing.length, rest: 'x'.repeat(50) })))
        await sleep(2)
      }
      await killing
      const summary = await flow.close()
      const [stored] = await admin.query<RowDataPacket[]>(`SELECT n FROM ${name}.events`)
      await pool.end()
      const there = new Set(stored.map(({ n }) => n))
      const wrong = (await Promise.all(writing)).flatMap((outcome, n) => {
        if (outcome.status === 'fulfilled') return there.has(n) ? [] : [`${n} is committed and lost`]
        const { reason } = outcome
        assert.ok(reason instanceof RowFailedError)
        return !reason.ambiguous && there.has(n) ? [`${n} failed, and is there`] : []
      })
      console.log(`${killed} killed; ${summary.committed} committed, ${summary.failed} failed`)
      assert.equal(wrong, [])
      assert.is(summary.committed + summary.failed, writing.length)
      assert.ok(killed > SECONDS)
      assert.equal(uncaught, [])
    }))
}

test.run()
