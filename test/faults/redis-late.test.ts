/** The rest of an attempt that was given up, on a connection that answered then and broke later. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { RedisServer } from '../support/servers/redis-server.ts'

const test = suite('redis: attempts that arrive late')
const server = await RedisServer.open()
const direct = new Redis(server.url)
test.after(async () => {
  direct.disconnect()
  await server.close()
})

const ROWS = 300
const large = 'x'.repeat(64 * 1024)
const counters = defineTable<{ id: number; v: number; large: string }>('counters', {
  columns: ['id', 'v', 'large'],
  onConflict: { action: 'update', keys: ['id'] },
})

test('its session is ended before anything goes over the next connection', async () => {
  const proxy = await FaultProxy.open('127.0.0.1', server.port)
  const client = new Redis(proxy.port, '127.0.0.1')
  client.on('error', () => undefined)
  const executor = redisExecutor(client).withTimeout(1000).withRetry({ maxAttempts: 5, backoffBase: 500 })
  const flow = new BatchFlow(executor, { flushSize: ROWS, flushBytes: 2 ** 26 })
  await flow.write(counters, { id: -1, v: 1, large: '' })
  const socket = client.stream
  const before = socket.bytesRead
  const rows = Array.from({ length: ROWS }, (_, id) => ({ id, v: 2, large }))
  const writing = flow.writeMany(counters, rows)
  while (socket.bytesRead === before) await nextTurn()
  const thaw = proxy.freeze()
  await sleep(1100)
  assert.ok(!socket.destroyed, 'a connection that has answered was cut')
  assert.ok((await direct.dbsize()) < ROWS, 'nothing was held')
  socket.destroy()
  await writing
  await flow.writeMany(
    counters,
    rows.map((row) => ({ ...row, v: 3, large: '' })),
  )
  thaw()
  await sleep(200)
  await flow.close()
  client.disconnect()
  await proxy.close()
  const stored = await Promise.all(rows.map(({ id }) => direct.hget(`counters:${id}`, 'v')))
  assert.equal([...new Set(stored)], ['3'])
})

test.run()
