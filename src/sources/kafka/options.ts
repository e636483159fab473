import { integer, type OptionsOf, oneOf, optional, parse, required, text } from '../../support/validate.ts'
import type { PublisherOptions } from '../kit/publisher-options.ts'

export interface KafkaOptions {
  /** The topic; it has to be there. */
  readonly topic: string
  /**
   * Workers of one group share the partitions. It must be a group of its own, of this topic alone: others do not share as these
   * workers do.
   * @default 'batchflow-<topic>'
   */
  readonly group?: string | undefined
  /** Where a group that has committed nothing yet begins. Not asked where the database knows. @default 'beginning' */
  readonly from?: 'beginning' | 'end' | undefined
  /**
   * How long the partitions of a worker that vanished stay its own, in ms; a worker that does nothing else for so long loses
   * its partitions. Brokers allow 6000 to 1800000, unless they are told otherwise. @default 10000
   */
  readonly sessionTimeout?: number | undefined
  /** How often the group hears of a worker, in ms; so long it may take until one that comes gets its share. @default 1000 */
  readonly heartbeatInterval?: number | undefined
  /** Bytes that are fetched of one partition at a time; twice as much is held of each. @default 256 KiB */
  readonly maxBytesPerPartition?: number | undefined
  /** Bytes that are fetched of one broker at a time. @default 8 MiB */
  readonly maxBytes?: number | undefined
  /** How long a broker waits with its answer that has nothing, in ms. @default 250 */
  readonly maxWaitTime?: number | undefined
  /** Where messages are put aside; made where it is missing, with as many partitions. @default '<topic>.dead' */
  readonly deadLetterTopic?: string | undefined
}

const MEBIBYTE = 1024 * 1024

const OPTIONS = {
  topic: required(text),
  group: optional(text),
  from: optional(oneOf('beginning', 'end'), 'beginning'),
  sessionTimeout: optional(integer(100, 1_800_000), 10_000),
  heartbeatInterval: optional(integer(10, 1_800_000), 1000),
  maxBytesPerPartition: optional(integer(1), MEBIBYTE / 4),
  maxBytes: optional(integer(1), 8 * MEBIBYTE),
  maxWaitTime: optional(integer(0, 30_000), 250),
  deadLetterTopic: optional(text),
} satisfies OptionsOf<KafkaOptions>

export type KafkaSettings = ReturnType<typeof kafkaSettings>

/** @throws {OptionError} */
export function kafkaSettings(options: KafkaOptions) {
  const given = parse('kafka', OPTIONS, options)
  integer(given.heartbeatInterval, 1_800_000)('kafka: sessionTimeout', given.sessionTimeout)
  const { topic, group = `batchflow-${topic}`, deadLetterTopic = `${topic}.dead` } = given
  return { ...given, group, deadLetterTopic }
}

export interface KafkaPublisherOptions extends PublisherOptions {
  /** The topic; it has to be there, and is asked once for how many partitions it has. */
  readonly topic: string
  /**
   * Bytes that are sent to one partition at a time: no more than `message.max.bytes` of the brokers or the topic. @default 900000
   */
  readonly maxBatchBytes?: number | undefined
}

/** What the publisher has beside what every publisher has. */
export const KAFKA_PUBLISHER = {
  topic: required(text),
  maxBatchBytes: optional(integer(1), 900_000),
}
