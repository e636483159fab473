/** A user who may not end sessions: that is told once, and rows go on. */
import { Redis } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { RedisServer } from '../support/servers/redis-server.ts'

const test = suite('redis: fences without rights')
const server = await RedisServer.open()
const admin = new Redis(server.url)
test.after(async () => {
  admin.disconnect()
  await server.close()
})

const warnings: string[] = []
process.on('warning', (warning) => {
  if ((warning as { code?: string }).code === 'BATCHFLOW_FENCE') warnings.push(warning.message)
})

const counters = defineTable<{ id: number; v: number }>('counters', {
  columns: ['id', 'v'],
  onConflict: { action: 'update', keys: ['id'] },
})

/** Values of one key written by that user, with a connection that falls silent before each but the first. */
async function writeThrough(rights: readonly string[]): Promise<void> {
  await admin.acl('SETUSER', 'writer', 'reset', 'on', '>secret', '~*', '+@all', ...rights)
  const proxy = await FaultProxy.open('127.0.0.1', server.port)
  const client = new Redis(proxy.port, '127.0.0.1', { username: 'writer', password: 'secret' })
  client.on('error', () => undefined)
  const executor = redisExecutor(client).withTimeout(200).withRetry({ maxAttempts: 10, backoffBase: 10 })
  const flow = new BatchFlow(executor, { flushSize: 1 })
  try {
    await flow.write(counters, { id: 1, v: 1 })
    for (const v of [2, 3]) {
      proxy.freeze()
      await flow.write(counters, { id: 1, v })
    }
    const { committed, failed } = await flow.close()
    assert.equal([committed, failed], [3, 0])
    assert.is(await admin.hget('counters:1', 'v'), '3')
  } finally {
    client.disconnect()
    await proxy.close()
  }
}

test('one with all rights needs no warning', async () => {
  await writeThrough([])
  assert.equal(warnings, [])
})

test('without CLIENT and INFO: one warning, and rows go on', async () => {
  await writeThrough(['-client', '-info'])
  assert.is(warnings.length, 1)
  assert.match(warnings[0]!, /cannot be ended \(the server does not tell which session is whose\)/)
})

test('without CLIENT KILL alone: rows go on, and it is said once for this client, too', async () => {
  await writeThrough(['-client|kill'])
  assert.is(warnings.length, 2)
})

test.run()
