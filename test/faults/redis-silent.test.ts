/** A connection that nobody hears any more is replaced, as `ioredis` itself would never notice. */
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { thrownBy } from '../support/assertions.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { RedisServer } from '../support/servers/redis-server.ts'

const test = suite('redis: silent connections')
const server = await RedisServer.open()
const direct = new Redis(server.url)
test.after(async () => {
  direct.disconnect()
  await server.close()
})

type Client = Redis | Redis5

const TIMEOUT_MS = 300
const RECOVERED_MS = 3000

const majors: Record<string, (port: number) => Client> = {
  5: (port) => new Redis5(port, '127.0.0.1', { connectTimeout: 500 }),
  6: (port) => new Redis(port, '127.0.0.1', { connectTimeout: 500 }),
}

interface Scene {
  readonly client: Client
  readonly proxy: FaultProxy
  readonly name: string
}

async function withScene(connect: (port: number) => Client, work: (scene: Scene) => Promise<void>): Promise<void> {
  const proxy = await FaultProxy.open('127.0.0.1', server.port)
  const client = connect(proxy.port)
  client.on('error', () => undefined)
  const name = `faults_${randomBytes(6).toString('hex')}`
  try {
    await work({ client, proxy, name })
  } finally {
    client.disconnect()
    await proxy.close()
  }
}

function flowOver(client: Client, maxAttempts: number): BatchFlow {
  const executor = redisExecutor(client)
    .withTimeout(TIMEOUT_MS)
    .withRetry({ maxAttempts, backoffBase: 10, maxBackoff: 100 })
  return new BatchFlow(executor, { flushSize: 10, flushInterval: 1 })
}

for (const [version, connect] of Object.entries(majors)) {
  for (const keyed of [true, false]) {
    test(`ioredis ${version}: rows ${keyed ? 'with' : 'without'} keys are committed soon after a silence`, () =>
      withScene(connect, async ({ client, proxy, name }) => {
        const table = defineTable<{ id: number; v: number }>(name, {
          columns: ['id', 'v'],
          onConflict: keyed ? { action: 'update', keys: ['id'] } : { action: 'error' },
        })
        const flow = flowOver(client, 20)
        await flow.write(table, { id: 0, v: 0 })
        const thaw = proxy.freeze()
        const pending = client.echo('pending')
        const start = performance.now()
        const rows = Array.from({ length: 100 }, (_, id) => ({ id, v: 1 }))
        await flow.writeMany(table, rows)
        const took = performance.now() - start
        assert.ok(took < RECOVERED_MS, `it took ${took} ms`)
        assert.is(await pending, 'pending')
        thaw()
        const { committed, failed } = await flow.close()
        assert.equal([committed, failed], [101, 0])
        const stored = keyed ? (await direct.keys(`${name}:*`)).length : new Set(await ids(name)).size
        assert.is(stored, 100)
      }))
  }

  test(`ioredis ${version}: one attempt that timed out is enough, and what was unanswered is in doubt`, () =>
    withScene(connect, async ({ client, proxy, name }) => {
      const table = defineTable<{ id: number }>(name, { columns: ['id'] })
      const flow = flowOver(client, 1)
      await flow.write(table, { id: 0 })
      const thaw = proxy.freeze()
      const lost = await thrownBy(() => flow.write(table, { id: 1 }))
      assert.ok(lost instanceof RowFailedError)
      assert.equal([lost.reason, lost.ambiguous], ['processor_timeout', true])
      await flow.write(table, { id: 2 })
      thaw()
      assert.is((await flow.close()).committed, 2)
      const stored = await ids(name)
      assert.ok(stored.includes('0') && stored.includes('2'), stored.join())
    }))

  test(`ioredis ${version}: a silence that began before the first row is noticed too`, () =>
    withScene(connect, async ({ client, proxy, name }) => {
      await client.ping()
      const thaw = proxy.freeze()
      const flow = flowOver(client, 5)
      const table = defineTable<{ id: number }>(name, { columns: ['id'] })
      await flow.write(table, { id: 0 })
      thaw()
      assert.is((await flow.close()).committed, 1)
      assert.equal(await ids(name), ['0'])
    }))

  test(`ioredis ${version}: and one that began while the connection was made`, () =>
    withScene(connect, async ({ client, proxy, name }) => {
      while (proxy.connections === 0) await nextTurn()
      const thaw = proxy.freeze()
      while (client.status === 'connecting') await nextTurn()
      const flow = flowOver(client, 5)
      assert.is(client.status, 'connect')
      const table = defineTable<{ id: number }>(name, { columns: ['id'] })
      await flow.write(table, { id: 0 })
      thaw()
      assert.is((await flow.close()).committed, 1)
      assert.equal(await ids(name), ['0'])
    }))

  test(`ioredis ${version}: a connection that answers, however slowly, is kept`, () =>
    withScene(connect, async ({ client, name }) => {
      await client.ping()
      const { stream } = client
      const slow = () => ['EVAL', SLOW, 0] as const
      const executor = redisExecutor(client, { commands: slow }).withTimeout(500).withRetry(false) // which would end the session
      const flow = new BatchFlow(executor, { flushSize: 500 })
      const rows = Array.from({ length: 500 }, (_, id) => ({ id }))
      const settled = await Promise.allSettled(
        rows.map((row) => flow.write(defineTable<{ id: number }>(name, { columns: ['id'] }), row)),
      )
      await flow.close()
      const counts = ['fulfilled', 'rejected'].map((status) => settled.filter((fate) => fate.status === status).length)
      assert.ok(
        counts.every((count) => count > 0),
        counts.join(),
      )
      assert.is(client.stream, stream)
      assert.is(await client.echo('in step'), 'in step')
    }))
}

/** Takes 1 ms, or a little more: the server answers about a hundred of them at once. */
const SLOW = `local start = redis.call('TIME')
local function us(t) return t[1] * 1000000 + t[2] end
repeat until us(redis.call('TIME')) - us(start) > 1000
return 1`

async function ids(name: string): Promise<(string | undefined)[]> {
  return (await direct.xrange(name, '-', '+')).map(([, fields]) => fields[1])
}

test.run()
