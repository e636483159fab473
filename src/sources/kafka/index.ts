import type { Source } from '../../consume/source.ts'
import { parse } from '../../support/validate.ts'
import { Publisher } from '../kit/publisher.ts'
import { PUBLISHER } from '../kit/publisher-options.ts'
import { clientOptions, type KafkaConnection, loadClient } from './client.ts'
import { KafkaLog } from './kafka-log.ts'
import { KAFKA_PUBLISHER, type KafkaOptions, type KafkaPublisherOptions, kafkaSettings } from './options.ts'
import { KafkaSource } from './source.ts'

export type { EncodedMessage, MessageEncoder, PartitionBy } from '../kit/packing.ts'
export { Publisher } from '../kit/publisher.ts'
export type { PublisherOptions } from '../kit/publisher-options.ts'
export type { KafkaConnection } from './client.ts'
export type { KafkaOptions, KafkaPublisherOptions } from './options.ts'

/**
 * The messages of a topic, for `consume`. Its workers are a consumer group: each partition has one owner at a time. A partition
 * that moves is given away only after what is in flight of it is committed, while all others go on; of a worker that vanished
 * they move after `sessionTimeout`. Needs the package `@platformatic/kafka` and Kafka 3.1 or later.
 *
 * Messages of the topic `<topic>.dead` are those that were put aside, as they were; the headers `batchflow-reason`, `-message`,
 * `-topic`, `-partition`, `-position`, `-table`, `-row` and `-code` tell of them, `-truncated`, `-length` and `-sha256` of one that is
 * too large to be whole.
 *
 * @param connection as for the classes of `@platformatic/kafka`: `bootstrapBrokers`, `clientId`, `sasl`, `tls`
 * @throws {OptionError} naming the option and the value it received
 */
export function kafka(connection: KafkaConnection, options: KafkaOptions): Source {
  return new KafkaSource(connection, kafkaSettings(options))
}

/**
 * Publishes rows to a topic; resolves once that was found. Rows go where the default partitioner of any Kafka client would put
 * their key, all replicas in sync have them (`acks` all), and what is sent again after a lost answer is not doubled.
 *
 * @param connection as for {@link kafka}
 * @throws {OptionError} naming the option and the value it received
 * @throws what the client throws when the topic cannot be found
 */
export async function kafkaPublisher(connection: KafkaConnection, options: KafkaPublisherOptions): Promise<Publisher> {
  const owner = 'kafkaPublisher'
  const { topic, maxBatchBytes } = parse(owner, { ...PUBLISHER, ...KAFKA_PUBLISHER }, options)
  const client = clientOptions(owner, connection)
  const { Producer } = await loadClient()
  const producer = new Producer(client)
  try {
    const partitions = (await producer.metadata({ topics: [topic] })).topics.get(topic)?.partitionsCount ?? 0
    const { topic: _, maxBatchBytes: __, ...rest } = options
    const { bootstrapBrokers } = connection
    return new Publisher(new KafkaLog({ topic, partitions, producer, bootstrapBrokers, maxBatchBytes }), rest)
  } catch (error) {
    await producer.close().catch(() => {})
    throw error
  }
}
