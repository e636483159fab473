/** Redis Streams as a log whose server is out of memory, emptied, halted or loading. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import type { Publisher } from '../../src/sources/kit/publisher.ts'
import { redisStreams, redisStreamsPublisher } from '../../src/sources/redis-streams/index.ts'
import { eventually, RecordingHost } from '../live/sources/recording-host.ts'
import { RedisServer } from '../support/servers/redis-server.ts'

const test = suite('redis streams in trouble')
const server = await RedisServer.open({ appendonly: 'yes', appendfsync: 'always' })
const client = new Redis(server.url)
client.on('error', () => undefined)
test.after(async () => {
  client.disconnect()
  await server.close()
})

const events = defineTable<{ n: number }>('events', { columns: ['n'] })
let count = 0

interface Scene {
  readonly stream: string
  readonly host: RecordingHost
  readonly publisher: Publisher
  publish(from: number, to: number): Promise<void>
  received(): Set<string>
  close(): Promise<void>
}

async function open(): Promise<Scene> {
  const stream = `s${++count}`
  const settings = { stream, partitions: 2 }
  const host = new RecordingHost().acknowledging()
  const source = redisStreams(client, { ...settings, leaseTime: 2000 })
  host.source = source
  await source.start(host, { position: 'source' })
  const publisher = redisStreamsPublisher(client, settings)
  return {
    stream,
    host,
    publisher,
    publish: async (from, to) => {
      await Promise.all(Array.from({ length: to - from }, (_, i) => publisher.publish(events, { n: from + i })))
    },
    received: () => new Set(host.bodies),
    close: async () => {
      await source.stop()
      await publisher.close({ timeout: 1000 })
      await client.flushall()
    },
  }
}

test('out of memory: publishers wait, who reads goes on with what is there, and all of it arrives once in the end', async () => {
  const scene = await open()
  await scene.publish(0, 50)
  await client.config('SET', 'maxmemory', '1')
  const waiting = scene.publish(50, 100)
  await sleep(3000) // longer than a lease
  assert.is(scene.host.owned.size, 2)
  assert.equal(scene.host.lost, [])
  assert.ok(scene.received().size === 50)
  await client.config('SET', 'maxmemory', '0')
  await waiting
  await eventually(() => scene.host.delivered.length === 100)
  await scene.close()
})

test('emptied: it begins anew, and what is published from then on arrives', async () => {
  const scene = await open()
  await scene.publish(0, 50)
  await eventually(() => scene.received().size === 50)
  await client.flushall()
  await scene.publish(50, 100)
  await eventually(() => scene.received().size === 100 && scene.host.owned.size === 2)
  await scene.close()
})

test('halted: leases are let go of in time and trouble is told; when it goes on, so does everything', async () => {
  const scene = await open()
  await scene.publish(0, 50)
  process.kill(server.pid, 'SIGSTOP')
  const waiting = scene.publish(50, 100)
  await eventually(() => scene.host.owned.size === 0, 3000)
  await eventually(() => scene.host.troubles.some((error) => error !== undefined), 8000)
  process.kill(server.pid, 'SIGCONT')
  await waiting
  await eventually(() => scene.received().size === 100, 15_000)
  assert.is(scene.host.troubles.at(-1), undefined)
  await scene.close()
})

test('killed again and again: what was published is delivered, nothing is doubled in the log', async () => {
  const scene = await open()
  let published = 0
  for (let turn = 0; turn < 3; turn++) {
    const publishing = scene.publish(published, (published += 200))
    await sleep(20 * turn)
    await server.stop('SIGKILL')
    await server.start()
    await publishing
  }
  await eventually(() => scene.received().size === published, 15_000)
  assert.is((await client.xlen(`${scene.stream}:0`)) + (await client.xlen(`${scene.stream}:1`)), published)
  await scene.close()
})

test('a start that finds no server waits for one; one that may not log in says so', async () => {
  await server.stop('SIGKILL')
  const host = new RecordingHost()
  const source = redisStreams(client, { stream: 'late', partitions: 2 })
  const started = source.start(host, { position: 'source' })
  await eventually(() => host.troubles.length > 0)
  await server.start()
  await started
  assert.is(host.troubles.at(-1), undefined)
  await source.stop()
  await eventually(async () => client.status === 'ready')
  await client.config('SET', 'requirepass', 'secret')
  const stranger = new Redis(server.url, { lazyConnect: true })
  stranger.on('error', () => undefined)
  const refused = redisStreams(stranger, { stream: 'late', partitions: 2 })
  const error = await refused.start(new RecordingHost(), { position: 'source' }).then(
    () => undefined,
    (thrown: Error) => thrown,
  )
  assert.match(error?.message ?? '', /NOAUTH/)
  await refused.stop()
  stranger.disconnect()
  await client.config('SET', 'requirepass', '')
})

test.run()
