import { randomBytes } from 'node:crypto'
import { Consumer, Producer } from '@platformatic/kafka'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Source } from '../../../src/consume/source.ts'
import type { KafkaRecord } from '../../../src/sources/kafka/client.ts'
import { kafka } from '../../../src/sources/kafka/index.ts'
import { createTopic, kafkaServer } from '../../support/servers/kafka.ts'
import { eventually, RecordingHost } from './recording-host.ts'

const server = await kafkaServer()
const bootstrapBrokers = [...server.brokers]
const test = suite(`letters in a topic of Kafka${server.isStandIn ? ' (kfake)' : ''}`)
const run = randomBytes(6).toString('hex')
const why = { reason: 'constraint', table: 'users', row: 3, message: 'a value is missing' }
const NO_TEXT = Buffer.from([0xff, 0x00, 0xfe])
const opened: Source[] = []
let count = 0

async function firstOf(topic: string): Promise<KafkaRecord> {
  const reader = new Consumer({ clientId: 'test', bootstrapBrokers, groupId: 'reader', retries: 0 })
  try {
    const { topics } = await reader.metadata({ topics: [topic] })
    const { id: topicId, partitions } = topics.get(topic)!
    for (const [partition, { leader: node }] of partitions.entries()) {
      const asked = {
        partition,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
        fetchOffset: 0n,
        partitionMaxBytes: 4 << 20,
      }
      const { responses } = await reader.fetch({ node, maxWaitTime: 10, topics: [{ topicId, partitions: [asked] }] })
      const [batch] = responses[0]!.partitions[0]!.records ?? []
      if (batch !== undefined) return batch.records[0] as unknown as KafkaRecord
    }
  } finally {
    await reader.close()
  }
  throw new Error('it is empty')
}

/** What is in the topic of dead letters once this message was put aside. */
async function letterFor(
  message: { key?: Buffer; value: Buffer; headers?: Map<Buffer, Buffer> },
  deadConfig?: { name: string; value: string },
) {
  const topic = `letters-${run}-${++count}`
  await createTopic(bootstrapBrokers, topic, 1)
  if (deadConfig !== undefined) await createTopic(bootstrapBrokers, `${topic}.dead`, 1, [deadConfig])
  const producer = new Producer({ clientId: 'test', bootstrapBrokers, retries: 0 })
  await producer.send({ acks: -1, messages: [{ topic, partition: 0, ...message }] })
  await producer.close()
  const source = kafka({ bootstrapBrokers }, { topic, group: topic, sessionTimeout: 6000, heartbeatInterval: 200 })
  opened.push(source)
  const host = new RecordingHost()
  await source.start(host, { position: 'source' })
  await eventually(() => host.delivered.length === 1, 20_000)
  await source.deadLetter('0', host.delivered[0]!.message, why)
  const letter = await firstOf(`${topic}.dead`)
  const told = (name: string) =>
    Array.from(letter.headers, ([key, value]) => [String(key), value] as const).find(([key]) => key === name)?.[1]
  return { topic, letter, told: (name: string) => told(`batchflow-${name}`)?.toString(), own: told }
}

test.after.each(async () => {
  for (const source of opened.splice(0)) await source.stop()
})
test.after(() => server.stop())

test('a key and headers that are no text stay what they are', async () => {
  const headers = new Map([[Buffer.from('Mine'), NO_TEXT]])
  const { letter, told, own, topic } = await letterFor({ key: NO_TEXT, value: NO_TEXT, headers })
  assert.equal(Buffer.from(letter.key!), NO_TEXT)
  assert.equal(Buffer.from(letter.value!), NO_TEXT)
  assert.equal(Buffer.from(own('Mine')!), NO_TEXT)
  const all = ['reason', 'table', 'row', 'position', 'topic', 'partition', 'message', 'truncated'].map(told)
  assert.equal(all, ['constraint', 'users', '3', '0', topic, '0', 'a value is missing', undefined])
})

test('a message that is too large for the topic of dead letters is put aside as far as it fits', async () => {
  const value = randomBytes(200_000)
  const { letter, told } = await letterFor({ value }, { name: 'max.message.bytes', value: '10000' })
  const body = Buffer.from(letter.value!)
  assert.ok(body.length > 1000 && body.length < 10_000, String(body.length))
  assert.ok(body.equals(value.subarray(0, body.length)))
  assert.equal(['truncated', 'length', 'reason'].map(told), ['body', '200000', 'constraint'])
})

test.run()
