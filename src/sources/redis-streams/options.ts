import { type Clock, MAX_DELAY, systemClock } from '../../support/clock.ts'
import {
  type Check,
  implementing,
  integer,
  type OptionsOf,
  oneOf,
  optional,
  parse,
  refuse,
  required,
  text,
} from '../../support/validate.ts'
import type { PublisherOptions } from '../kit/publisher-options.ts'

export interface RedisStreamsOptions {
  /** Name of the stream; its partitions are the streams `<stream>:0`, `<stream>:1` and so on. */
  readonly stream: string
  /** How many there are: the same for all publishers and workers, for ever. @default 8 */
  readonly partitions?: number | undefined
  /** Workers of one group share the partitions. @default 'batchflow' */
  readonly group?: string | undefined
  /** Where a group that does not exist yet begins. Not asked where the database knows. @default 'beginning' */
  readonly from?: 'beginning' | 'end' | undefined
  /**
   * With `position: 'database'`: what tells this stream from others of its name, on another server or made anew; the database
   * keeps positions under it. @default made at random once, and kept beside the stream in `<stream>:id`
   */
  readonly id?: string | undefined
  /** Messages that are fetched at once. @default 500 */
  readonly fetchSize?: number | undefined
  /**
   * How long the partitions of a worker that vanished stay its own, in ms; others take them within a quarter of it more. A
   * worker that does nothing else for so long loses its partitions. @default 5000
   */
  readonly leaseTime?: number | undefined
  /**
   * A message that was handed out so often and never settled, as its workers died of it, goes to the dead letters. Workers that
   * are killed for another reason count as well. 0: never. @default 0
   */
  readonly maxDeliveries?: number | undefined
  /** What leases and pauses are measured by. @default the system's */
  readonly clock?: Clock | undefined
}

/** Keys beside a partition's stream are put into its hash slot by braces around its name; others would end them early. */
const streamName: Check<string> = (name, value) => {
  const stream = text(name, value)
  const isPlain = !/[{}]/.test(stream) || /^[^{}]*\{[^{}]+\}[^{}]*$/.test(stream)
  return isPlain ? stream : refuse(name, 'a name whose braces, if any, are one hash tag, like {app}rows', stream)
}

const OPTIONS = {
  stream: required(streamName),
  partitions: optional(integer(1, 1024), 8),
  group: optional(text, 'batchflow'),
  from: optional(oneOf('beginning', 'end'), 'beginning'),
  id: optional(text),
  fetchSize: optional(integer(1, 10_000), 500),
  leaseTime: optional(integer(500, MAX_DELAY), 5000),
  maxDeliveries: optional(integer(0), 0),
  clock: optional(implementing<Clock>('a clock', 'now', 'timer'), systemClock),
} satisfies OptionsOf<RedisStreamsOptions>

export type RedisStreamsSettings = ReturnType<typeof streamsSettings>

/** @throws {OptionError} */
export function streamsSettings(options: RedisStreamsOptions) {
  return parse('redisStreams', OPTIONS, options)
}

export interface RedisStreamsPublisherOptions extends PublisherOptions {
  /** Name of the stream; its partitions are the streams `<stream>:0`, `<stream>:1` and so on. */
  readonly stream: string
  /** How many there are: the same for all publishers and workers, for ever. @default 8 */
  readonly partitions?: number | undefined
  /**
   * About how many messages a partition keeps that all its groups have acknowledged (where the database remembers: has
   * committed). What is not acknowledged is never trimmed, nor is anything while there is no group. @default none: nothing is trimmed
   */
  readonly maxLength?: number | undefined
}

/** What the publisher has beside what every publisher has. */
export const STREAMS_PUBLISHER = {
  stream: required(streamName),
  partitions: optional(integer(1, 1024), 8),
  maxLength: optional(integer(0)),
}
