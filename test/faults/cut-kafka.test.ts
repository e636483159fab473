/** kfake, which stands in for Kafka, behind proxies. */
import { kafka, kafkaPublisher } from '../../src/sources/kafka/index.ts'
import { createTopic, Kfake } from '../support/servers/kafka.ts'
import { type CutLog, cutLogs } from './cut-logs.ts'

const server = await Kfake.open({ proxied: true })
const connection = { bootstrapBrokers: server.brokers }
let count = 0

async function open(): Promise<CutLog> {
  const topic = `rows${++count}`
  await createTopic(server.brokers, topic, 4)
  const source = kafka(connection, { topic, sessionTimeout: 3000, heartbeatInterval: 200 })
  const publisher = await kafkaPublisher(connection, { topic })
  return { proxies: server.proxies, source, publisher, close: async () => {} }
}

cutLogs('kafka (kfake)', open, () => server.stop())
