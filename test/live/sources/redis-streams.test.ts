import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis-5'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage } from '../../../src/consume/message-format.ts'
import type { Source } from '../../../src/consume/source.ts'
import { defineTable } from '../../../src/contract/table.ts'
import {
  type RedisStreamsClient,
  type RedisStreamsOptions,
  redisStreams,
  redisStreamsPublisher,
} from '../../../src/sources/redis-streams/index.ts'
import { bootRedis } from '../../support/servers/private-servers.ts'
import { needed, servers } from '../../support/servers/servers.ts'
import { mortalClient } from './mortal-redis.ts'
import { bodyOf, eventually, RecordingHost } from './recording-host.ts'

const test = suite('redis streams')
const { url } = needed(await servers.redis())
const client = new Redis(url)
const prefix = `batchflow_${randomBytes(6).toString('hex')}`
let count = 0
const nextName = () => `${prefix}.s${++count}`

interface User {
  id: number
  name: string
}
const users = defineTable<User>('users', { columns: ['id', 'name'], onConflict: { action: 'update', keys: ['id'] } })

const opened: Source[] = []
const PARTITIONS = 4

async function open(
  host: RecordingHost,
  stream: string,
  options: Partial<RedisStreamsOptions> = {},
  by: RedisStreamsClient = client,
): Promise<Source> {
  const source = redisStreams(by, { stream, partitions: PARTITIONS, leaseTime: 3000, ...options })
  opened.push(source)
  host.source = source
  await source.start(host, { position: host.positions === undefined ? 'source' : 'database' })
  return source
}

async function publish(stream: string, from: number, to: number): Promise<void> {
  await using publisher = redisStreamsPublisher(client, { stream, partitions: PARTITIONS })
  const all: Promise<void>[] = []
  for (let i = from; i < to; i++) all.push(publisher.publish(users, { id: i % 50, name: String(i) }))
  await Promise.all(all)
}

const rowsOf = (host: RecordingHost) =>
  host.delivered.flatMap(({ message }) => decodeMessage(message).map(({ row }) => row as User))

/** Whether the rows of each key came in their order, whatever came twice. */
function assertOrder(rows: readonly User[]): void {
  const last = new Map<number, number>()
  for (const { id, name } of rows) {
    assert.ok(Number(name) > (last.get(id) ?? -1), `${name} of key ${id} after ${last.get(id)}`)
    last.set(id, Number(name))
  }
}

async function connections(): Promise<number> {
  return String(await client.call('CLIENT', 'LIST')).split('\n').length
}

test.after.each(async () => {
  for (const source of opened.splice(0)) await source.stop()
  const keys = (await client.keys(`*${prefix}*`)) as string[]
  if (keys.length > 0) await client.del(...keys)
})
test.after(() => client.disconnect())

test('what is published is delivered once, in the order of each key, and the lag falls to 0', async () => {
  const stream = nextName()
  await publish(stream, 0, 1000)
  const host = new RecordingHost().acknowledging()
  const source = await open(host, stream)
  await eventually(() => host.delivered.length === 1000)
  await publish(stream, 1000, 1100) // while it waits
  await eventually(() => host.delivered.length === 1100)
  assertOrder(rowsOf(host))
  assert.is(host.owned.size, PARTITIONS)
  assert.equal(host.delivered[0]!.message.headers['batchflow-table'], 'users')
  await eventually(async () => [...(await source.lag()).values()].every(({ messages }) => messages === 0))
  assert.equal(host.troubles, [])
})

test('a message that comes while nothing else does is there at once', async () => {
  const stream = nextName()
  const host = new RecordingHost()
  await open(host, stream)
  await using publisher = redisStreamsPublisher(client, { stream, partitions: PARTITIONS })
  await publisher.publish(users, { id: 1, name: '0' })
  for (let i = 1; i <= 20; i++) {
    const begun = performance.now()
    await publisher.publish(users, { id: i, name: String(i) })
    await eventually(() => host.delivered.length === i + 1)
    assert.ok(performance.now() - begun < 500)
  }
})

test('what a worker that vanished had not acknowledged comes first to the next one, in order, and as redelivered', async () => {
  const stream = nextName()
  await publish(stream, 0, 400)
  const dead = new RecordingHost()
  const mortal = mortalClient(client)
  const held = new Promise<void>(() => undefined)
  dead.onMessages = () => held // takes some, and never says a word again
  await open(dead, stream, { fetchSize: 20 }, mortal.client)
  await eventually(() => dead.delivered.length === 80)
  mortal.vanish()
  const next = new RecordingHost().acknowledging()
  const second = await open(next, stream)
  await eventually(() => next.delivered.length === 400)
  assertOrder(rowsOf(next))
  const again = next.delivered.filter(({ message }) => (message.redelivered ?? 0) > 0)
  assert.equal(
    again.map(({ message }) => message.position).sort(),
    dead.delivered.map(({ message }) => message.position).sort(),
  )
  await eventually(async () => [...(await second.lag()).values()].every(({ messages }) => messages === 0))
})

test('where the database remembers, reading goes on behind its position, and lag follows what is acknowledged', async () => {
  const stream = nextName()
  await publish(stream, 0, 500)
  const positions = new Map<string, string>()
  const host = new RecordingHost(positions)
  host.onMessages = async (partition, messages) => {
    positions.set(partition, messages.at(-1)!.position)
    await host.source.acknowledge(partition, messages)
  }
  const source = await open(host, stream, { fetchSize: 50 })
  await eventually(() => host.delivered.length === 500)
  await eventually(async () => [...(await source.lag()).values()].every(({ messages }) => messages === 0))
  await source.stop()
  await publish(stream, 500, 600)
  const next = new RecordingHost(positions)
  const second = await open(next, stream)
  await eventually(() => next.delivered.length === 100)
  assertOrder([...rowsOf(host), ...rowsOf(next)])
  const lags = [...(await second.lag()).values()]
  assert.is(
    lags.reduce((sum, { messages }) => sum + messages, 0),
    100,
  )
  assert.ok(lags.every(({ seconds }) => seconds !== undefined && seconds < 60))
})

test('workers share the partitions; one that closes hands over, and nothing of ours is left', async () => {
  const stream = nextName()
  const before = await connections()
  const [a, b] = [new RecordingHost(), new RecordingHost()]
  const first = await open(a, stream)
  const second = await open(b, stream)
  await eventually(() => a.owned.size === 2 && b.owned.size === 2)
  await publish(stream, 0, 200)
  await eventually(() => a.delivered.length + b.delivered.length === 200)
  await first.stop()
  await eventually(() => b.owned.size === 4)
  assert.is(a.owned.size, 0)
  await second.stop()
  await eventually(async () => (await connections()) === before)
  const left = ((await client.keys(`*${prefix}*lease*`)) as string[]).length
  assert.is(left, 0)
})

test('a stream has an identity of its own, the same for all, or the one it is given', async () => {
  const stream = nextName()
  await publish(stream, 0, 20)
  const first = await open(new RecordingHost(new Map()), stream)
  const second = await open(new RecordingHost(new Map()), stream)
  assert.match(first.identity!, /^[0-9a-f]{16}$/)
  assert.is(second.identity, first.identity)
  const [[last] = ['']] = await client.xrevrange(`${stream}:0`, '+', '-', 'COUNT', 1)
  assert.equal([await first.reaches!('0', last), await first.reaches!('0', '9999999999999-0')], [true, false])
  const given = await open(new RecordingHost(new Map()), stream, { id: 'mine' })
  assert.is(given.identity, 'mine')
  const other = await open(new RecordingHost(new Map()), nextName())
  assert.is.not(other.identity, first.identity)
})

test('a dead letter has the original bytes, and why', async () => {
  const stream = nextName()
  await client.xadd(`${stream}:1`, '*', 'body', Buffer.from([0xff, 0, 1]), 'key', 'k', 'Mine', 'x')
  const host = new RecordingHost()
  const source = await open(host, stream)
  await eventually(() => host.delivered.length === 1)
  const { partition, message } = host.delivered[0]!
  assert.is(message.headers['mine'], 'x')
  await source.deadLetter(partition, message, { reason: 'decode', message: 'it is no JSON', table: 'users' })
  const [[, fields]] = (await client.xrangeBuffer(`${stream}:dead`, '-', '+')) as [[Buffer, Buffer[]]]
  const letter = Object.fromEntries(
    Array.from({ length: fields.length / 2 }, (_, i) => [String(fields[2 * i]), fields[2 * i + 1]!]),
  )
  assert.equal(letter['body'], Buffer.from([0xff, 0, 1]))
  const told = ['reason', 'table', 'message', 'partition', 'position', 'key', 'headers'].map((name) =>
    String(letter[name]),
  )
  assert.equal(told, ['decode', 'users', 'it is no JSON', '1', message.position, 'k', '{"Mine":"x"}'])
})

test('trimming takes only what all groups have acknowledged', async () => {
  const stream = nextName()
  const publisher = redisStreamsPublisher(client, { stream, partitions: 1, maxLength: 100 })
  const rows = (from: number) =>
    Promise.all(Array.from({ length: 500 }, (_, i) => publisher.publish(users, { id: 1, name: String(from + i) })))
  await rows(0)
  assert.is(await client.xlen(`${stream}:0`), 500)
  const host = new RecordingHost()
  let acknowledged = 0
  host.onMessages = async (partition, messages) => {
    const some = messages.slice(0, Math.max(0, 300 - acknowledged))
    acknowledged += some.length
    if (some.length > 0) await host.source.acknowledge(partition, some)
  }
  await open(host, stream, { partitions: 1 })
  await eventually(() => host.delivered.length === 500)
  await rows(500)
  await publisher.close()
  await eventually(() => host.delivered.length === 1000)
  const length = await client.xlen(`${stream}:0`)
  assert.ok(length >= 700 && length < 1000, String(length))
  assert.is(
    bodyOf(host.delivered[300]!.message),
    String((await client.xrange(`${stream}:0`, host.delivered[300]!.message.position, '+', 'COUNT', 1))[0]![1][1]),
  )
})

test('a message that was handed out too often goes to the dead letters, and the others go on', async () => {
  const stream = nextName()
  await publish(stream, 0, 40)
  for (let turn = 0; turn < 2; turn++) {
    const host = new RecordingHost()
    const source = await open(host, stream)
    await eventually(() => host.delivered.length === 40)
    await source.stop()
  }
  const host = new RecordingHost()
  await open(host, stream, { maxDeliveries: 2 })
  await eventually(async () => (await client.xlen(`${stream}:dead`)) === 40)
  await publish(stream, 40, 50)
  await eventually(() => host.delivered.length === 10)
})

test('a group that is destroyed is made anew, behind what was acknowledged', async () => {
  const stream = nextName()
  await publish(stream, 0, 100)
  const host = new RecordingHost().acknowledging()
  const source = await open(host, stream)
  await eventually(() => host.delivered.length === 100)
  await eventually(async () => [...(await source.lag()).values()].every(({ messages }) => messages === 0))
  for (let p = 0; p < PARTITIONS; p++) await client.xgroup('DESTROY', `${stream}:${p}`, 'batchflow')
  await publish(stream, 100, 200)
  await eventually(() => host.delivered.length >= 200)
  assertOrder(rowsOf(host))
  assert.is(host.delivered.length, 200)
})

test('a client of ioredis 5 does as well', async () => {
  const older = new Redis5(url)
  const stream = nextName()
  const host = new RecordingHost().acknowledging()
  await open(host, stream, {}, older)
  await using publisher = redisStreamsPublisher(older, { stream, partitions: PARTITIONS })
  await publisher.publishMany(
    users,
    Array.from({ length: 100 }, (_, id) => ({ id, name: String(id) })),
  )
  await eventually(() => rowsOf(host).length === 100)
  older.disconnect()
})

test('options are checked', () => {
  assert.throws(() => redisStreams(client, { stream: '' }), /redisStreams: stream must be a non-empty string/)
  assert.throws(() => redisStreams({} as never, { stream: 'x' }), /client must be an ioredis Redis or Cluster/)
  assert.throws(() => redisStreamsPublisher(client, { stream: 'x', partitions: 0 }), /partitions must be an integer/)
  assert.throws(() => redisStreamsPublisher(client, { stream: 'x', flushSize: 0 }), /flushSize/)
})

const program = await servers.redisProgram()
const needingProgram = program === undefined ? test.skip : test

needingProgram('a Redis that is full has room again for a publisher once all is read', async () => {
  const server = await bootRedis(program!)
  const full = new Redis(server.url)
  try {
    const retry = { maxAttempts: 3, backoffBase: 5, maxBackoff: 20, maxOutage: 1000 }
    await using publisher = redisStreamsPublisher(full, { stream: 's', partitions: 1, maxLength: 10, retry })
    await full.xgroup('CREATE', 's:0', 'group', '0', 'MKSTREAM')
    const name = 'x'.repeat(10_000)
    for (let id = 0; id < 300; id++) await publisher.publish(users, { id, name })
    const [, used] = /used_memory:(\d+)/.exec(await full.info('memory'))!
    await full.config('SET', 'maxmemory', Number(used) - 1000, 'maxmemory-policy', 'noeviction')
    const refused = await publisher.publish(users, { id: 1, name: 'y' }).catch((error) => error.reason)
    assert.is(refused, 'out_of_space')
    assert.is(await full.xlen('s:0'), 300) // nobody has read it
    const [last] = await full.xrevrange('s:0', '+', '-', 'COUNT', 1)
    await full.xgroup('SETID', 's:0', 'group', last![0])
    await publisher.publish(users, { id: 2, name: 'y' })
    assert.ok((await full.xlen('s:0')) <= 11)
  } finally {
    full.disconnect()
    await server.remove()
  }
})

needingProgram('a worker that starts while Redis is full takes partitions, and reads them', async () => {
  const server = await bootRedis(program!)
  const full = new Redis(server.url)
  const source = redisStreams(full, { stream: 's', partitions: 1, leaseTime: 1000 })
  try {
    await full.xgroup('CREATE', 's:0', 'batchflow', '0', 'MKSTREAM')
    for (let id = 0; id < 50; id++) await full.xadd('s:0', '*', 'body', 'x'.repeat(10_000))
    const [, used] = /used_memory:(\d+)/.exec(await full.info('memory'))!
    await full.config('SET', 'maxmemory', Number(used) - 100_000, 'maxmemory-policy', 'noeviction')
    const host = new RecordingHost()
    host.source = source
    await source.start(host, { position: 'source' })
    await eventually(() => host.delivered.length === 50)
  } finally {
    await source.stop()
    full.disconnect()
    await server.remove()
  }
})

test.run()
