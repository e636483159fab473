import { kafka, kafkaPublisher } from '../../../src/sources/kafka/index.ts'
import { createTopic, Kfake } from '../../support/servers/kafka.ts'
import type { Engine } from '../engine.ts'

const TOPIC = { topic: 'rows' }

/** @param config its brokers, separated by commas */
const connectionTo = (config: string) => ({ bootstrapBrokers: config.split(',') })

export const engine: Engine = {
  name: 'kafka',
  note: 'kfake speaks the protocol in the place of Kafka, which was not tried',
  start: async () => {
    const server = await Kfake.find()
    if (server === undefined) return undefined
    await createTopic(server.brokers, TOPIC.topic, 8)
    return {
      config: server.brokers.join(','),
      restart: async () => {
        await server.crash()
        await server.start()
      },
      close: () => server.stop(),
    }
  },
  publisher: async (config) => {
    return { value: await kafkaPublisher(connectionTo(config), TOPIC), close: () => {} }
  },
  source: async (config) => {
    const times = { sessionTimeout: 3000, heartbeatInterval: 300 } // of Kafka itself, 6000 at least
    return { value: kafka(connectionTo(config), { ...TOPIC, ...times }), close: () => {} }
  },
}
