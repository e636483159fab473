/** A backend that is stopped in the middle of an attempt: its rows wait until it is gone, whatever else is free. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { needed, servers } from '../support/servers/servers.ts'

interface Counter {
  id: number
  v: number
}

const test = suite('backends that were stopped')
const server = needed(await servers.embeddedPostgres())
const direct = new pg.Pool({ connectionString: server.url, max: 2 })
direct.on('error', () => undefined) // its connections may still be closing when the server stops
const counters = defineTable<Counter>('counters', {
  columns: ['id', 'v'],
  onConflict: { action: 'update', keys: ['id'] },
})

test.before(async () => {
  await direct.query(`CREATE TABLE counters (id int PRIMARY KEY, v int);
    CREATE ROLE writer LOGIN; CREATE ROLE other; GRANT other TO writer;
    GRANT SELECT, INSERT, UPDATE ON counters TO other`)
})

test.after(async () => {
  await direct.end()
  await server.remove()
})

/** A pool of one idle connection, its backend, and a flow over it that gives an attempt up after 300 ms. */
async function open(config: pg.PoolConfig = {}) {
  const pool = new pg.Pool({ connectionString: server.url, max: 2, ...config })
  pool.on('error', () => undefined)
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  const executor = postgresExecutor(pool)
    .withTimeout(300)
    .withRetry({ maxAttempts: 20, backoffBase: 10, maxBackoff: 100 })
  return { pool, flow: new BatchFlow(executor, { flushSize: 1 }), pid: rows[0]!.pid }
}

async function stored(id: number): Promise<number | undefined> {
  const { rows } = await direct.query<{ v: number }>('SELECT v FROM counters WHERE id = $1', [id])
  return rows[0]?.v
}

if (process.platform !== 'win32' && process.getuid?.() === 0) {
  test('a value whose backend may still write it is committed by nobody else', async () => {
    const { pool, flow, pid } = await open()
    await flow.write(counters, { id: 1, v: 1 })
    process.kill(pid, 'SIGSTOP')
    let settled = false
    const second = flow.write(counters, { id: 1, v: 2 }).finally(() => {
      settled = true
    })
    await sleep(3000)
    const early = settled
    process.kill(pid, 'SIGCONT')
    await second
    await flow.write(counters, { id: 1, v: 3 })
    await sleep(50)
    assert.is(early, false)
    assert.is(await stored(1), 3)
    await flow.close()
    await pool.end()
  })

  test('a role that may not end the session is told so, and goes on', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on('warning', listen)
    const { pool, flow, pid } = await open({ options: '-c role=other' })
    await flow.write(counters, { id: 2, v: 1 })
    process.kill(pid, 'SIGSTOP')
    await flow.write(counters, { id: 2, v: 2 })
    process.kill(pid, 'SIGCONT')
    await flow.close()
    await pool.end()
    process.off('warning', listen)
    assert.equal(
      warnings.map((warning) => Reflect.get(warning, 'code')),
      ['BATCHFLOW_FENCE'],
    )
  })
}

test.run()
