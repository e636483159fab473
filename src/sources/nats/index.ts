import type { NatsConnection } from '@nats-io/transport-node'
import type { Source } from '../../consume/source.ts'
import { Publisher } from '../kit/publisher.ts'
import type { NatsSourceOptions } from './options.ts'
import { type NatsPublisherOptions, publisherOf } from './publisher.ts'
import { NatsSource } from './source.ts'

/**
 * A stream of NATS JetStream (server 2.9 or later) as a source of rows: `consume(nats(connection, { stream: 'orders',
 * partitions: 8 }), executor, …)`. Connect with `maxReconnectAttempts: -1`: by default the client gives up after ten attempts.
 *
 * @throws {OptionError}
 */
export function nats(connection: NatsConnection, options: NatsSourceOptions): Source {
  return new NatsSource(connection, options)
}

/**
 * Hands rows to a stream of NATS JetStream, batched on the way in.
 *
 * @throws {OptionError}
 */
export function natsPublisher(connection: NatsConnection, options: NatsPublisherOptions): Publisher {
  return publisherOf(connection, options)
}

export type { NatsDeadLetters, NatsLog, NatsSourceOptions } from './options.ts'
export type { NatsPublisherOptions } from './publisher.ts'
export type { StreamSettings } from './streams.ts'
export { Publisher }
