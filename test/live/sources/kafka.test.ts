/** Of Kafka alone, or of kfake, which stands in for it: what moves, who waits for whom, and where reading begins. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Consumer } from '@platformatic/kafka'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage } from '../../../src/consume/message-format.ts'
import type { Message, Source } from '../../../src/consume/source.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { type KafkaOptions, kafka, kafkaPublisher } from '../../../src/sources/kafka/index.ts'
import { partitionOfKey } from '../../../src/sources/kafka/murmur2.ts'
import { thrownBy } from '../../support/assertions.ts'
import { createTopic, Kfake, kafkaServer } from '../../support/servers/kafka.ts'
import { eventually, RecordingHost } from './recording-host.ts'

const server = await kafkaServer()
const { brokers: bootstrapBrokers } = server
const test = suite(`kafka${server.isStandIn ? ' (kfake)' : ''}`)
const prefix = `batchflow_${randomBytes(6).toString('hex')}`
const PARTITIONS = 4
let count = 0

interface User {
  id: number
  version: number
}
const users = defineTable<User>('users', { columns: ['id', 'version'], onConflict: { action: 'update', keys: ['id'] } })

const opened = new Set<Source>()

async function newTopic(): Promise<string> {
  const topic = `${prefix}.${++count}`
  await createTopic(bootstrapBrokers, topic, PARTITIONS)
  return topic
}

async function open(host: RecordingHost, topic: string, options: Partial<KafkaOptions> = {}): Promise<Source> {
  const times = { sessionTimeout: 6000, heartbeatInterval: 200 }
  const source = kafka({ bootstrapBrokers }, { topic, group: topic, ...times, ...options })
  opened.add(source)
  host.source = source
  await source.start(host, { position: host.positions === undefined ? 'source' : 'database' })
  return source
}

async function publish(topic: string, from: number, to: number): Promise<void> {
  await using publisher = await kafkaPublisher({ bootstrapBrokers }, { topic })
  const all = Array.from({ length: to - from }, (_, i) => ({ id: (from + i) % 50, version: from + i }))
  await Promise.all(all.map((row) => publisher.publish(users, row)))
}

const versionsOf = (...hosts: RecordingHost[]) =>
  hosts.flatMap(({ delivered }) =>
    delivered.flatMap(({ message }) => decodeMessage(message).map(({ row }) => (row as User).version)),
  )
const different = (...hosts: RecordingHost[]) => new Set(versionsOf(...hosts)).size

/** As a worker does: until the log takes it. */
async function acknowledged(source: Source, partition: string, messages: readonly Message[]): Promise<void> {
  for (;;) {
    try {
      return await source.acknowledge(partition, messages)
    } catch {
      await sleep(100)
    }
  }
}

test.after.each(async () => {
  await Promise.all([...opened].map((source) => source.stop()))
  opened.clear()
})

test('a row is where any client would have put its key, with its table, its key and its time', async () => {
  const topic = await newTopic()
  await publish(topic, 0, 100)
  const host = new RecordingHost().acknowledging()
  await open(host, topic)
  await eventually(() => different(host) === 100, 20_000)
  for (const { partition, message } of host.delivered) {
    assert.is(Number(partition), partitionOfKey(message.key ?? '', PARTITIONS))
    assert.is(message.headers['batchflow-table'], 'users')
    assert.ok(Math.abs(Date.now() - (message.publishedAt ?? 0)) < 60_000)
  }
})

test('a partition that moves waits for what is in flight of it; those that stay are read meanwhile', async () => {
  const topic = await newTopic()
  const first = new RecordingHost().acknowledging()
  await open(first, topic)
  await eventually(() => first.owned.size === PARTITIONS)
  let settle = () => {}
  const settled = new Promise<void>((resolve) => (settle = resolve))
  const revoked: string[] = []
  const giveUp = first.revoked.bind(first)
  first.revoked = async (partition, lost) => {
    revoked.push(partition)
    await settled
    await giveUp(partition, lost)
  }
  const second = new RecordingHost().acknowledging()
  await open(second, topic)
  await eventually(() => revoked.length === PARTITIONS / 2)
  await publish(topic, 0, 200)
  const stays = () => new Set(first.delivered.map(({ partition }) => partition))
  await eventually(() => stays().size === PARTITIONS / 2, 20_000)
  await sleep(500)
  assert.is(second.owned.size, 0, 'nothing is given away yet')
  settle()
  await eventually(() => second.owned.size === PARTITIONS / 2 && different(first, second) === 200, 20_000)
  assert.is(versionsOf(first, second).length, 200)
})

test('a worker that stops gives its partitions back at once, and what it acknowledged does not come again', async () => {
  const topic = await newTopic()
  await publish(topic, 0, 100)
  const first = new RecordingHost().acknowledging()
  const source = await open(first, topic)
  await eventually(() => different(first) === 100, 20_000)
  await eventually(async () => [...(await source.lag()).values()].every(({ messages }) => messages === 0))
  await source.stop()
  assert.is(first.owned.size, 0)
  await publish(topic, 100, 120)
  const second = new RecordingHost().acknowledging()
  await open(second, topic)
  await eventually(() => different(second) === 20, 20_000)
})

test('where the database remembers, reading begins behind what it says, whatever the group says', async () => {
  const topic = await newTopic()
  await publish(topic, 0, 100)
  const first = new RecordingHost().acknowledging()
  await (async () => {
    const source = await open(first, topic)
    await eventually(() => different(first) === 100, 20_000)
    await source.stop()
  })()
  const middle = first.delivered.filter(({ partition }) => partition === '1').at(9)!.message.position
  const second = new RecordingHost(new Map([['1', middle]]))
  await open(second, topic)
  const before = first.delivered.filter(({ partition }) => partition === '1').slice(0, 10).length
  await eventually(() => second.delivered.length === 100 - before, 20_000)
})

test('the topic has an identity, which is its id', async () => {
  const topic = await newTopic()
  await publish(topic, 0, 100)
  const source = await open(new RecordingHost(new Map()), topic)
  const { topics } = await new Consumer({
    clientId: 'test',
    bootstrapBrokers: [...bootstrapBrokers],
    groupId: 'other',
  }).metadata({ topics: [topic] })
  assert.is(source.identity, topics.get(topic)!.id)
  assert.equal([await source.reaches!('0', '0'), await source.reaches!('0', '100')], [true, false])
})

test('from the end: what was there before is not read', async () => {
  const topic = await newTopic()
  await publish(topic, 0, 50)
  const host = new RecordingHost().acknowledging()
  await open(host, topic, { from: 'end' })
  await eventually(() => host.owned.size === PARTITIONS)
  await sleep(1000)
  await publish(topic, 50, 60)
  await eventually(() => different(host) === 10, 20_000)
  assert.is(Math.min(...versionsOf(host)), 50)
})

test('a topic that is not there, and a group of others, are told at the start', async () => {
  const unknown = await thrownBy(() => open(new RecordingHost(), `${prefix}.none`))
  assert.match(String(unknown), /Unknown topic/)
  const topic = await newTopic()
  const other = new Consumer({ clientId: 'other', bootstrapBrokers: [...bootstrapBrokers], groupId: topic, retries: 0 })
  other.topics.track(topic)
  await other.joinGroup()
  const error = await thrownBy(() => open(new RecordingHost(), topic))
  await other.close(true)
  assert.match(String(error), /the group .* has members that are no workers/)
})

test('a group that reads another topic is refused: its partitions would go to members that do not read them', async () => {
  const [topic, another] = [await newTopic(), await newTopic()]
  await open(new RecordingHost(), topic)
  const error = await thrownBy(() => open(new RecordingHost(), another, { group: topic }))
  assert.match(String(error), /the group .* has members .* or read another topic/)
})

if (server instanceof Kfake) {
  test('leaders and coordinators move: nothing is lost, and reading goes on', async () => {
    const topic = await newTopic()
    const host = new RecordingHost()
    host.onMessages = (partition, messages) => acknowledged(source, partition, messages)
    const source = await open(host, topic)
    for (let round = 0; round < 4; round++) {
      await server.move('coordinators')
      await server.move('leaders')
      await publish(topic, round * 100, round * 100 + 100)
      await sleep(500)
    }
    await eventually(() => different(host) === 400, 30_000)
    await eventually(() => host.troubles.length === 0 || host.troubles.at(-1) === undefined, 30_000)
    await eventually(async () => [...(await source.lag()).values()].every(({ messages }) => messages === 0), 20_000)
    assert.is(host.owned.size, PARTITIONS)
  })
}

test.after(() => server.stop())

test.run()
