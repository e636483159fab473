import { Consumer, type ConsumerOptions, Producer } from '@platformatic/kafka'
import type { KafkaClient } from '../../../src/sources/kafka/client.ts'
import { kafka } from '../../../src/sources/kafka/index.ts'
import { KafkaLog } from '../../../src/sources/kafka/kafka-log.ts'
import { messagesOf } from '../../../src/sources/kafka/messages.ts'
import { kafkaSettings } from '../../../src/sources/kafka/options.ts'
import { KafkaSource } from '../../../src/sources/kafka/source.ts'
import { Publisher } from '../../../src/sources/kit/publisher.ts'
import { createTopic, Kfake, kafkaServer } from '../../support/servers/kafka.ts'
import { conformance, type SourceScene } from './conformance.ts'

const server = await kafkaServer()
const bootstrapBrokers = [...server.brokers]
const connection = { bootstrapBrokers, clientId: 'test', retries: 0 }
const PARTITIONS = 4
const run = Date.now().toString(36)
let count = 0

/** A client that falls silent for good when it is told, as if its process had been killed: no member leaves its group. */
function mortalClient() {
  const consumers: Consumer[] = []
  let isDead = false
  class Mortal extends Consumer {
    constructor(options: ConsumerOptions<Buffer, Buffer, Buffer, Buffer>) {
      super(isDead ? { ...options, bootstrapBrokers: ['127.0.0.1:1'] } : options)
      consumers.push(this)
    }
  }
  const load = async () => ({ ...(await import('@platformatic/kafka')), Consumer: Mortal }) as unknown as KafkaClient
  const vanish = () => {
    isDead = true
    for (const consumer of consumers) {
      consumer.memberId = null // or it would say goodbye
      consumer.close(true, () => {})
    }
  }
  return { load, vanish }
}

/** All there is in a topic, from its beginning. */
async function contents(topic: string) {
  const reader = new Consumer({ ...connection, groupId: 'reader' })
  try {
    const { brokers, topics } = await reader.metadata({ topics: [topic] })
    const { id: topicId, partitions } = topics.get(topic)!
    const found = []
    for (const node of brokers.keys()) {
      const asked = partitions.flatMap(({ leader }, partition) => (leader === node ? [requestOf(partition)] : []))
      if (asked.length === 0) continue
      const { responses } = await reader.fetch({ node, maxWaitTime: 10, topics: [{ topicId, partitions: asked }] })
      found.push(...responses.flatMap((response) => response.partitions))
    }
    return found.flatMap(({ records }) => messagesOf(records ?? [], 0n).messages)
  } catch {
    return [] // nobody has made it
  } finally {
    await reader.close()
  }
}

function requestOf(partition: number) {
  return { partition, currentLeaderEpoch: -1, lastFetchedEpoch: -1, fetchOffset: 0n, partitionMaxBytes: 1 << 20 }
}

process.once('exit', () => void (server instanceof Kfake && server.stop()))

conformance({
  name: server.isStandIn ? 'kafka (kfake, a stand-in)' : 'kafka',
  patience: 30_000,
  open: async (): Promise<SourceScene> => {
    const topic = `rows-${run}-${++count}`
    await createTopic(bootstrapBrokers, topic, PARTITIONS)
    const session = { sessionTimeout: server.isStandIn ? 3000 : 6000, heartbeatInterval: 200 }
    const options = { topic, group: topic, ...session }
    return {
      source: () => kafka({ bootstrapBrokers }, options),
      mortal: () => {
        const { load, vanish } = mortalClient()
        return { source: new KafkaSource({ bootstrapBrokers }, kafkaSettings(options), load), vanish }
      },
      publisher: (more) => {
        const producer = new Producer(connection) as never
        const log = { topic, partitions: PARTITIONS, producer, bootstrapBrokers, maxBatchBytes: 900_000 }
        return new Publisher(new KafkaLog(log), more)
      },
      poison: async (body) => {
        const producer = new Producer(connection)
        await producer.send({ acks: -1, messages: [{ topic, partition: 0, value: Buffer.from(body) }] })
        await producer.close()
      },
      deadLetters: async () => {
        const letters = await contents(`${topic}.dead`)
        return letters.map(({ body, headers }) => {
          return {
            body: Buffer.from(body as Uint8Array),
            reason: headers['batchflow-reason'] ?? '',
            table: headers['batchflow-table'],
          }
        })
      },
      ...(server instanceof Kfake && {
        crash: async () => {
          await server.crash()
          await server.start()
        },
      }),
      close: async () => {},
    }
  },
})
