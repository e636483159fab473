import { once } from 'node:events'
import { Consumer, type Message, Producer } from '@platformatic/kafka'
import { kafka, kafkaPublisher } from 'batchflow-otel/kafka'
import { createTopic, Kfake } from '../../../test/support/servers/kafka.ts'
import { LEASE, type Log } from '../log.ts'

/** @param config its brokers, separated by commas */
const brokersOf = (config: string) => ({ clientId: 'bench', bootstrapBrokers: config.split(',') })

export const log: Log = {
  name: 'kafka',
  note: 'kfake speaks the protocol in the place of Kafka, which was not tried',
  start: async () => {
    const server = await Kfake.open()
    return { config: server.brokers.join(','), pid: server.pid, close: () => server.stop() }
  },
  create: (config, topic) => createTopic(config.split(','), topic, 8),
  publisher: async (config, topic) => {
    return { value: await kafkaPublisher(brokersOf(config), { topic }), close: () => {} }
  },
  source: async (config, topic) => {
    // A group is of the cluster, not of the topic.
    return { value: kafka(brokersOf(config), { topic, group: topic, sessionTimeout: LEASE }), close: () => {} }
  },
  sender: async (config, topic) => {
    const producer = new Producer({ ...brokersOf(config), idempotent: true })
    const value = (bodies: readonly string[]) =>
      producer.send({ messages: bodies.map((body) => ({ topic, value: Buffer.from(body) })) })
    return { value, close: () => producer.close() }
  },
  async *fetches(config, topic, size) {
    const consumer = new Consumer({ ...brokersOf(config), groupId: topic, sessionTimeout: LEASE })
    const origin = { mode: 'committed', fallbackMode: 'earliest' } as const
    const stream = await consumer.consume({ topics: [topic], autocommit: false, ...origin })
    for (;;) {
      const messages: Message[] = []
      for (let one: Message | null; messages.length < size && (one = stream.read()) !== null; ) messages.push(one)
      if (messages.length === 0) await once(stream, 'readable')
      yield {
        bodies: messages.map(({ value }) => value.toString()),
        ack: async (from, to) => {
          const last = new Map(messages.slice(from, to).map((one) => [one.partition, one]))
          for (const one of last.values()) await one.commit()
        },
      }
    }
  },
}
