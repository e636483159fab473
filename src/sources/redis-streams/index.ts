import type { Source } from '../../consume/source.ts'
import { systemClock } from '../../support/clock.ts'
import { parse } from '../../support/validate.ts'
import { Publisher } from '../kit/publisher.ts'
import { PUBLISHER, type PublisherOptions } from '../kit/publisher-options.ts'
import { isCluster, type RedisStreamsClient, validClient } from './client.ts'
import {
  type RedisStreamsOptions,
  type RedisStreamsPublisherOptions,
  STREAMS_PUBLISHER,
  streamsSettings,
} from './options.ts'
import { StreamsLog } from './publisher.ts'
import { RedisStreamsSource } from './source.ts'

export type { EncodedMessage, MessageEncoder, PartitionBy } from '../kit/packing.ts'
export { Publisher } from '../kit/publisher.ts'
export type { PublisherOptions } from '../kit/publisher-options.ts'
export type { RedisStreamsClient } from './client.ts'
export type { RedisStreamsOptions, RedisStreamsPublisherOptions } from './options.ts'

/**
 * The messages of a stream of n partitions, for `consume`. Each partition is a stream of Redis (6.2 or later; 7 for an exact
 * lag) with one owner at a time: workers share them by leases, and a partition moves within seconds when one dies or comes. What
 * a worker that vanished had not acknowledged comes first, in order, to whoever takes its partition over.
 *
 * Messages of the stream `<stream>:dead` are those that were put aside: `reason`, `table`, `row`, `code`, `message`, `partition`,
 * `position`, `key`, `headers` (JSON; `{"$bytes":"<base64>"}` for what is no text) and the original `body`; where that is not all
 * there, `truncated`, `length` and `sha256`.
 *
 * @param client only duplicated, into two connections (in a cluster, one); it stays the application's own
 * @throws {OptionError} naming the option and the value it received
 */
export function redisStreams(client: RedisStreamsClient, options: RedisStreamsOptions): Source {
  const settings = streamsSettings(options)
  return new RedisStreamsSource(validClient('redisStreams', client), isCluster(client), settings)
}

/**
 * Publishes rows to the partitions of a stream. What is sent again after a lost answer is not doubled.
 *
 * @param client only duplicated, into one connection; it stays the application's own
 * @throws {OptionError} naming the option and the value it received
 */
export function redisStreamsPublisher(client: RedisStreamsClient, options: RedisStreamsPublisherOptions): Publisher {
  const owner = 'redisStreamsPublisher'
  const { stream, partitions, maxLength, ...rest } = parse(owner, { ...PUBLISHER, ...STREAMS_PUBLISHER }, options)
  const log = new StreamsLog(validClient(owner, client), { stream, partitions, maxLength, clock: systemClock })
  return new Publisher(log, rest as PublisherOptions)
}
