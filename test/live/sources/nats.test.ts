import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type JetStreamManager, jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { connect, type NatsConnection } from '@nats-io/transport-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage } from '../../../src/consume/message-format.ts'
import type { Source } from '../../../src/consume/source.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { type NatsSourceOptions, nats, natsPublisher } from '../../../src/sources/nats/index.ts'
import { NatsStream } from '../../../src/sources/nats/publisher.ts'
import { bootNats } from '../../support/servers/private-servers.ts'
import { needed, servers } from '../../support/servers/servers.ts'
import { bodyOf, eventually, RecordingHost } from './recording-host.ts'

const test = suite('nats')
const { url } = needed(await servers.nats())
const connection = await connect({ servers: url, maxReconnectAttempts: -1 })
const manager = await jetstreamManager(connection)
const prefix = `batchflow_${randomBytes(6).toString('hex')}`
let count = 0
const nextName = () => `${prefix}_${++count}`

interface User {
  id: number
  name: string
}
const users = defineTable<User>('users', { columns: ['id', 'name'], onConflict: { action: 'update', keys: ['id'] } })
const PARTITIONS = 4

const opened: Source[] = []
const connections: NatsConnection[] = []

async function open(
  host: RecordingHost,
  stream: string,
  options: Partial<NatsSourceOptions> = {},
  client = connection,
): Promise<Source> {
  const source = nats(client, { stream, partitions: PARTITIONS, leaseTime: 1000, bucket: prefix, ...options })
  opened.push(source)
  host.source = source
  await source.start(host, { position: host.positions === undefined ? 'source' : 'database' })
  return source
}

/** A client of its own, so that a worker can vanish: its connection is cut, its leases and consumers stay behind. */
async function another(server = url): Promise<NatsConnection> {
  const client = await connect({ servers: server, maxReconnectAttempts: -1, reconnectTimeWait: 100 })
  connections.push(client)
  return client
}

async function publish(stream: string, from: number, to: number, client = connection, partitions = PARTITIONS) {
  await using publisher = natsPublisher(client, { stream, partitions })
  const all: Promise<void>[] = []
  for (let i = from; i < to; i++) all.push(publisher.publish(users, { id: i % 50, name: String(i) }))
  await Promise.all(all)
}

const rowsOf = (host: RecordingHost) =>
  host.delivered.flatMap(({ message }) => decodeMessage(message).map(({ row }) => row as User))

/** Whether the rows of each key came in their order, each once. */
function assertOrder(rows: readonly User[]): void {
  const last = new Map<number, number>()
  for (const { id, name } of rows) {
    assert.ok(Number(name) > (last.get(id) ?? -1), `${name} of key ${id} after ${last.get(id)}`)
    last.set(id, Number(name))
  }
}

const acknowledging = (host: RecordingHost, source: Source) => {
  host.onMessages = (partition, messages) => source.acknowledge(partition, messages)
}

const isCaughtUp = async (source: Source) => [...(await source.lag()).values()].every(({ messages }) => messages === 0)

async function consumersOf(stream: string, by: JetStreamManager = manager) {
  const found = []
  for await (const consumer of by.consumers.list(stream)) found.push(consumer)
  return found
}

test.after.each(async () => {
  for (const source of opened.splice(0)) await source.stop()
  for (const client of connections.splice(0)) await client.close()
  for await (const { config } of manager.streams.list()) {
    if (config.name.includes(prefix)) await manager.streams.delete(config.name)
  }
})
test.after(() => connection.close())

test('what is published is delivered once, in the order of each key, and the lag falls to 0', async () => {
  const stream = nextName()
  await publish(stream, 0, 1000)
  const host = new RecordingHost()
  const source = await open(host, stream)
  acknowledging(host, source)
  await eventually(() => host.delivered.length === 1000)
  await publish(stream, 1000, 1100) // while it waits
  await eventually(() => host.delivered.length === 1100)
  assertOrder(rowsOf(host))
  assert.is(host.owned.size, PARTITIONS)
  const { message } = host.delivered[0]!
  assert.is(message.headers['batchflow-table'], 'users')
  assert.ok(Math.abs(message.publishedAt! - Date.now()) < 60_000)
  await eventually(() => isCaughtUp(source))
  assert.equal(host.troubles, [])
})

test('a message that comes while nothing else does is there at once', async () => {
  const stream = nextName()
  await using publisher = natsPublisher(connection, { stream, partitions: PARTITIONS })
  await publisher.publish(users, { id: 1, name: '0' })
  const host = new RecordingHost()
  await open(host, stream)
  await eventually(() => host.delivered.length === 1)
  for (let i = 1; i <= 20; i++) {
    const begun = performance.now()
    await publisher.publish(users, { id: i, name: String(i) })
    await eventually(() => host.delivered.length === i + 1)
    assert.ok(performance.now() - begun < 1000)
  }
})

test('what a worker that vanished had not acknowledged comes first to the next one, in order, and as redelivered', async () => {
  const stream = nextName()
  await publish(stream, 0, 400)
  const dead = new RecordingHost()
  const client = await another()
  const source = await open(dead, stream, { fetchSize: 20 }, client)
  let acknowledged = 0
  const firstLeft = new Map<string, number>()
  dead.onMessages = async (partition, messages) => {
    const some = messages.slice(0, 5)
    await source.acknowledge(partition, some)
    firstLeft.set(partition, some.length)
    acknowledged += some.length
    await new Promise(() => undefined) // and never says a word again
  }
  await eventually(() => firstLeft.size === PARTITIONS)
  await client.close()
  const next = new RecordingHost()
  const second = await open(next, stream)
  acknowledging(next, second)
  await eventually(
    () => next.delivered.length === 400 - acknowledged,
    15_000,
    () => String(next.delivered.length),
  )
  assertOrder(rowsOf(next))
  for (const partition of next.owned) {
    const of = (host: RecordingHost) => host.delivered.filter((one) => one.partition === partition)
    const left = of(dead).slice(firstLeft.get(partition))
    assert.equal(
      of(next)
        .slice(0, left.length)
        .map(({ message }) => [message.position, message.redelivered]),
      left.map(({ message }) => [message.position, 1]),
    )
  }
  await eventually(() => isCaughtUp(second))
  dead.onMessages = async () => undefined
})

test('where the database remembers, reading goes on behind its position, and lag follows what is acknowledged', async () => {
  const stream = nextName()
  await publish(stream, 0, 500)
  const positions = new Map<string, string>()
  const host = new RecordingHost(positions)
  const source = await open(host, stream, { fetchSize: 50 })
  host.onMessages = async (partition, messages) => {
    positions.set(partition, messages.at(-1)!.position)
    await source.acknowledge(partition, messages)
  }
  await eventually(() => host.delivered.length === 500)
  await eventually(() => isCaughtUp(source))
  await source.stop()
  assert.equal(await consumersOf(stream), [])
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

test('workers share the partitions; one that closes hands over, and what was not acknowledged is not held against anybody', async () => {
  const stream = nextName()
  await publish(stream, 0, 100)
  const [a, b] = [new RecordingHost(), new RecordingHost()]
  const first = await open(a, stream)
  const second = await open(b, stream)
  await eventually(() => a.owned.size === 2 && b.owned.size === 2)
  await first.stop()
  await eventually(() => b.owned.size === PARTITIONS)
  assert.is(a.owned.size, 0)
  await second.stop()
  const left = await consumersOf(stream)
  assert.is(left.length, PARTITIONS)
  for (const { config } of left)
    assert.equal(JSON.parse(config.description!), { from: 0, to: 0, tries: 0, released: true })
})

test('what is not acknowledged for long does not come again, and no more is fetched than there is room for', async () => {
  const stream = nextName()
  await publish(stream, 0, 400)
  const host = new RecordingHost()
  const lock = new AbortController()
  const locked = new Promise<void>((resolve) => lock.signal.addEventListener('abort', () => resolve()))
  host.onMessages = () => locked
  const source = await open(host, stream, { fetchSize: 10 })
  await sleep(6000)
  for (const { num_ack_pending } of await consumersOf(stream)) assert.ok(num_ack_pending <= 20, String(num_ack_pending))
  acknowledging(host, source)
  lock.abort()
  await eventually(() => host.delivered.length >= 400)
  await sleep(100)
  assertOrder(rowsOf(host))
  assert.is(host.delivered.length, 400)
  assert.equal(host.troubles, [])
})

test('a dead letter has the original bytes, and why', async () => {
  const stream = nextName()
  await publish(stream, 0, 1)
  const host = new RecordingHost()
  const source = await open(host, stream)
  await eventually(() => host.delivered.length === 1)
  await manager.jetstream().publish(`${stream}.1`, Uint8Array.of(0xff, 0, 1))
  await eventually(() => host.delivered.length === 2)
  const { partition, message } = host.delivered[1]!
  const why = { reason: 'decode', message: 'it is\r\nno JSON', table: 'users', code: '22P02' }
  await source.deadLetter(partition, message, why)
  await source.deadLetter(partition, message, why) // as its acknowledgement was lost
  const info = await manager.streams.info(`${stream}-dead`)
  assert.is(info.state.messages, 1)
  const letter = await manager.streams.getMessage(`${stream}-dead`, { last_by_subj: `${stream}-dead` })
  assert.equal([...letter!.data], [0xff, 0, 1])
  const told = ['reason', 'message', 'table', 'code', 'subject', 'position'].map((name) =>
    letter!.header.get(`batchflow-${name}`),
  )
  assert.equal(told, ['decode', 'it is no JSON', 'users', '22P02', `${stream}.1`, message.position])
})

test('a stream of dead letters that gives no answer is not waited for for ever', async () => {
  const stream = nextName()
  const host = new RecordingHost()
  const source = await open(host, stream)
  await manager.streams.add({ name: `${stream}-dead`, subjects: [`${stream}-dead`], no_ack: true })
  const message = { position: '1', body: 'x', headers: {} }
  const put = source.deadLetter('0', message, { reason: 'decode', message: 'no JSON' }).then(
    () => 'stored',
    (error) => error.cause.name,
  )
  assert.is(await Promise.race([put, sleep(9000, 'no answer')]), 'TimeoutError')
  await source.stop()
})

test('a message that so many workers vanished over goes to the dead letters, and no other', async () => {
  const stream = nextName()
  await publish(stream, 0, 30, connection, 1)
  const options = { partitions: 1, maxDeliveries: 3, leaseTime: 500 }
  for (let turn = 0; turn < 3; turn++) {
    const client = await another()
    const host = new RecordingHost()
    const source = await open(host, stream, options, client)
    let poisoned = false
    host.onMessages = async (partition, messages) => {
      const at = messages.findIndex((message) => bodyOf(message).includes('"name":"7"'))
      if (at === -1) return source.acknowledge(partition, messages)
      if (messages.length === 1)
        poisoned = true // the last one gets them one by one
      else poisoned = turn < 2
      await new Promise(() => undefined)
    }
    await eventually(() => poisoned)
    host.onMessages = async () => undefined
    await client.close()
  }
  const host = new RecordingHost()
  const source = await open(host, stream, options)
  acknowledging(host, source)
  await eventually(() => host.delivered.length === 22)
  assert.is(rowsOf(host)[0]!.name, '8')
  const letter = await manager.streams.getMessage(`${stream}-dead`, { last_by_subj: `${stream}-dead` })
  assert.ok(letter!.string().includes('"name":"7"'))
  assert.is(letter!.header.get('batchflow-reason'), 'max_deliveries')
  await eventually(() => isCaughtUp(source))
})

test('a consumer that somebody removed is made anew, behind what was acknowledged', async () => {
  const stream = nextName()
  await publish(stream, 0, 100)
  const host = new RecordingHost()
  const source = await open(host, stream)
  acknowledging(host, source)
  await eventually(() => host.delivered.length === 100)
  for (const { name } of await consumersOf(stream)) await manager.consumers.delete(stream, name)
  await publish(stream, 100, 200)
  await eventually(() => host.delivered.length >= 200, 20_000)
  const again = host.delivered.length - 200
  assert.ok(host.lost.length > 0)
  if (again === 0) assertOrder(rowsOf(host)) // its acknowledgement floor was removed with it: then all comes again
})

for (const retention of ['interest', 'workqueue'] as const) {
  test(`a stream with retention ${retention} holds what is not acknowledged, whoever reads it`, async () => {
    const stream = nextName()
    const config = { name: stream, subjects: [`${stream}.*`], retention } as Partial<StreamConfig> & { name: string }
    await manager.streams.add(config)
    const host = new RecordingHost()
    const source = await open(host, stream)
    acknowledging(host, source)
    await eventually(async () => (await consumersOf(stream)).length === PARTITIONS)
    await publish(stream, 0, 200)
    await eventually(() => host.delivered.length === 200)
    await eventually(async () => (await manager.streams.info(stream)).state.messages === 0)
    host.onMessages = async () => undefined
    await publish(stream, 200, 300)
    await eventually(() => host.delivered.length === 300)
    await source.stop()
    const next = new RecordingHost()
    const second = await open(next, stream)
    acknowledging(next, second)
    await eventually(() => next.delivered.length === 100)
    assertOrder(rowsOf(next))
    await eventually(async () => (await manager.streams.info(stream)).state.messages === 0)
    const other = nats(connection, { stream, partitions: PARTITIONS, bucket: prefix })
    const positioned = new RecordingHost(new Map())
    await other.start(positioned, { position: 'database' }).then(
      () => assert.unreachable(),
      (error) => {
        assert.match(error.message, new RegExp(`has retention ${retention}, which counts acknowledgements`))
      },
    )
  })
}

test('a position beyond the end of the stream is told, not skipped over', async () => {
  const stream = nextName()
  await publish(stream, 0, 10, connection, 1)
  const host = new RecordingHost(new Map([['0', '1000']]))
  await open(host, stream, { partitions: 1 })
  await eventually(() => host.troubles.length > 0)
  assert.match(
    host.troubles[0]!.message,
    /the database stands at 1000 of stream .*, which ends at 10: it is another one/,
  )
  assert.is(host.delivered.length, 0)
})

test('a stream that is made anew under its name has another identity; a reader of the old one is told, and skips nothing', async () => {
  const stream = nextName()
  await publish(stream, 0, 10, connection, 1)
  const host = new RecordingHost(new Map())
  const source = await open(host, stream, { partitions: 1 })
  await eventually(() => host.delivered.length === 10)
  assert.is(source.identity, (await manager.streams.info(stream)).created)
  assert.equal([await source.reaches!('0', '10'), await source.reaches!('0', '11')], [true, false])
  await manager.streams.delete(stream)
  await publish(stream, 100, 130, connection, 1)
  await eventually(() => /was made anew/.test(host.troubles.at(-1)?.message ?? ''), 20_000)
  assert.is(host.delivered.length, 10)
  await source.stop()
  const next = await open(new RecordingHost(new Map()), stream, { partitions: 1 })
  assert.is.not(next.identity, source.identity)
})

test('messages that are sent again with their id are stored once', async () => {
  const stream = nextName()
  const log = new NatsStream(connection, { stream, subject: stream, partitions: 1, apiPrefix: '$JS.API', create: {} })
  const messages = ['a', 'b', 'c'].map((body) => ({ partition: 0, key: undefined, headers: {}, body }))
  for (let turn = 0; turn < 3; turn++) await log.send(messages, AbortSignal.timeout(5000), 'id')
  assert.is((await manager.streams.info(stream)).state.messages, 3)
})

test('a message that is too large fails alone; a full stream refuses, and takes more when there is room', async () => {
  const stream = nextName()
  await manager.streams.add({
    name: stream,
    subjects: [`${stream}.*`],
    max_msg_size: 2000,
    max_msgs: 3,
    discard: 'new',
  })
  await using publisher = natsPublisher(connection, { stream, partitions: 1, create: false })
  const results = await Promise.allSettled(
    ['x', 'y'.repeat(5000), 'z'].map((name, id) => publisher.publish(users, { id, name })),
  )
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  const waiting = Promise.all([3, 4].map((id) => publisher.publish(users, { id, name: 'x' })))
  await eventually(async () => (await manager.streams.info(stream)).state.messages === 3)
  await sleep(200)
  await manager.streams.purge(stream)
  await waiting
})

test('a stream that does not store the subjects is refused, and one that is missing where it may not be made', async () => {
  const stream = nextName()
  const source = nats(connection, { stream, partitions: 2, create: false, bucket: prefix })
  const mode = { position: 'source' } as const
  await source.start(new RecordingHost(), mode).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 10059),
  )
  await manager.streams.add({ name: stream, subjects: [`${stream}.0`] })
  await source.start(new RecordingHost(), mode).then(
    () => assert.unreachable(),
    (error) => {
      assert.is(error.code, 'ERR_BATCHFLOW_OPTION')
      assert.match(error.message, /does not store subject ".*\.1": add it with `nats stream edit`/)
    },
  )
})

const program = await servers.natsProgram()
if (program !== undefined) {
  test('a server that is killed and started again: nothing is lost, the order holds, both ends go on', async () => {
    const server = await bootNats(program)
    try {
      const client = await another(server.url)
      const stream = 'restarted'
      const publisher = natsPublisher(client, { stream, partitions: PARTITIONS })
      let next = 0
      let stopped = false
      const publishing = (async () => {
        for (; !stopped; next++) {
          await publisher.submit(users, { id: next % 50, name: String(next) })
          if (next % 20 === 0) await sleep(2)
        }
        await publisher.close()
      })()
      const host = new RecordingHost()
      await eventually(() => next > 100)
      await publisher.flush()
      const source = await open(host, stream, {}, client)
      host.onMessages = async (partition, messages) =>
        void source.acknowledge(partition, messages).catch(() => undefined)
      await eventually(() => host.delivered.length > 200)
      await server.crash()
      await sleep(500)
      await server.start()
      const before = host.delivered.length
      const begun = performance.now()
      await eventually(() => host.delivered.length > before + 200, 20_000)
      console.log(`went on ${(performance.now() - begun).toFixed(0)} ms after the server was back`)
      stopped = true
      await publishing
      const names = () => new Set(rowsOf(host).map(({ name }) => name))
      await eventually(
        () => names().size === next,
        20_000,
        () => `${names().size} of ${next}`,
      )
      // A partition that was lost meanwhile comes again from what was not acknowledged; no message was stored twice.
      const first = new Map(host.delivered.map(({ message }) => [message.position, message] as const).reverse())
      const inOrder = [...first.values()].sort((a, b) => source.compare(a.position, b.position))
      assertOrder(inOrder.flatMap((message) => decodeMessage(message).map(({ row }) => row as User)))
      assert.ok(host.troubles.some((trouble) => trouble !== undefined))
      await eventually(() => host.troubles.at(-1) === undefined)
      await source.stop()
    } finally {
      await server.remove()
    }
  })
}

test('options are checked', () => {
  assert.throws(() => nats(connection, { stream: 'a.b' }), /nats: stream must be a name of letters, digits, _ and -/)
  assert.throws(
    () => nats(connection, { stream: 'x', maxDeliveries: 1 }),
    /maxDeliveries must be an integer of at least 2/,
  )
  assert.throws(() => nats(connection, { stream: 'x', subject: 'a.*' }), /subject must be a subject without wildcards/)
  assert.throws(() => nats({} as never, { stream: 'x' }), /nats: connection must be a connection of @nats-io/)
  assert.throws(() => natsPublisher(connection, { stream: 'x', partitions: 0 }), /partitions must be an integer/)
  assert.throws(() => natsPublisher(connection, { stream: 'x', flushSize: 0 }), /flushSize/)
})

test.run()
