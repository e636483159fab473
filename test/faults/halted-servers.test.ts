/**
 * Servers that are halted in the middle of an attempt, all of them at once, and go on later: what they were sent before must
 * not overwrite what is newer. `FAULT_ROUNDS` is how often (20).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createPool } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { RedisServer } from '../support/servers/redis-server.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('servers that were halted')
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 20)
const HALTED_MS = 700

interface Place {
  readonly executor: Executor
  /** Of the whole server. */
  readonly pid: number
  stored(id: number): Promise<number>
}

const counters = defineTable<{ id: number; v: number }>('counters', {
  columns: ['id', 'v'],
  onConflict: { action: 'update', keys: ['id'] },
})

/** The value of a key whose second one met a halted server. */
async function afterHalt({ executor, pid, stored }: Place, id: number): Promise<number> {
  const limited = executor.withTimeout(200).withRetry({ maxAttempts: 50, backoffBase: 10, maxBackoff: 100 })
  const flow = new BatchFlow(limited, { flushSize: 1 })
  await flow.write(counters, { id, v: 1 })
  process.kill(pid, 'SIGSTOP')
  const second = flow.write(counters, { id, v: 2 })
  await sleep(HALTED_MS)
  process.kill(pid, 'SIGCONT')
  await second
  await flow.write(counters, { id, v: 3 })
  await sleep(20)
  await flow.close()
  return stored(id)
}

async function allRounds(place: Place): Promise<void> {
  const stale: number[] = []
  for (let id = 0; id < ROUNDS; id++) if ((await afterHalt(place, id)) !== 3) stale.push(id)
  assert.equal(stale, [])
}

const [redisProgram, mysqlProgram] = await Promise.all([servers.redisProgram(), servers.mysqlProgram()])

if (redisProgram !== undefined) {
  test('redis: the last value stays', async () => {
    const server = await RedisServer.open()
    const direct = new Redis(server.url)
    const client = new Redis(server.url, { connectTimeout: 500, retryStrategy: () => 20 })
    for (const one of [direct, client]) one.on('error', () => undefined)
    const stored = async (id: number) => Number(await direct.hget(`counters:${id}`, 'v'))
    try {
      await allRounds({ executor: redisExecutor(client), pid: server.pid, stored })
    } finally {
      direct.disconnect()
      client.disconnect()
      await server.close()
    }
  })
}

if (mysqlProgram !== undefined) {
  test('mysql: the last value stays', async () => {
    const server = (await servers.privateMysql())!
    const direct = createPool({ uri: server.url, connectionLimit: 1, rowsAsArray: true })
    await direct.query('CREATE TABLE counters (id int PRIMARY KEY, v int)')
    const pool = createPool({ uri: server.url, connectionLimit: 4, connectTimeout: 500 })
    const stored = async (id: number) => {
      const [rows] = await direct.query('SELECT v FROM counters WHERE id = ?', [id])
      return Number((rows as unknown[][])[0]?.[0])
    }
    try {
      await allRounds({ executor: mysqlExecutor(pool), pid: server.pid, stored })
    } finally {
      await direct.end()
      await pool.end().catch(() => undefined)
      await server.remove()
    }
  })
}

test.run()
