import type { NatsConnection } from '@nats-io/transport-node'
import { MAX_DELAY } from '../../support/clock.ts'
import {
  type Check,
  implementing,
  integer,
  nested,
  type OptionsOf,
  oneOf,
  optional,
  parse,
  refuse,
  required,
  text,
} from '../../support/validate.ts'
import { jetStreamName, subjectName } from './names.ts'
import type { StreamSettings } from './streams.ts'

/** Where the messages are: a publisher and its workers are given the same. */
export interface NatsLog {
  /** The stream. */
  readonly stream: string
  /** Partitions are the subjects `<subject>.0`, `<subject>.1`, … @default the stream's name */
  readonly subject?: string | undefined
  /** How many there are: as many workers can share the work. The same for all publishers and workers. @default 8 */
  readonly partitions?: number | undefined
  /** Begins the subjects of JetStream's API: `$JS.<domain>.API` for a domain. @default '$JS.API' */
  readonly apiPrefix?: string | undefined
  /**
   * What to make of a stream that is missing; `false`: nothing, it is an error. One that exists is never altered. Made here, it
   * stores `<subject>.*` in files, keeps messages for seven days whether they were read or not, and refuses new ones when full.
   */
  readonly create?: StreamSettings | false | undefined
}

export interface NatsSourceOptions extends NatsLog {
  /** Workers of one group share the partitions; each group reads all messages. @default 'batchflow' */
  readonly group?: string | undefined
  /** Where a group that does not exist yet begins. Not asked where the database knows. @default 'beginning' */
  readonly from?: 'beginning' | 'end' | undefined
  /** Messages of a partition that are fetched ahead. @default 500 */
  readonly fetchSize?: number | undefined
  /** Bytes of them, as far as the size of those before tells. @default 4194304 */
  readonly fetchBytes?: number | undefined
  /** With `acks: 'broker'`: messages per partition that may be delivered and not acknowledged. @default 20000 */
  readonly maxAckPending?: number | undefined
  /**
   * With `acks: 'broker'`: a message that so many workers in a row vanished over goes to the dead letters. The last of them
   * gets the messages in doubt one by one, so that only the one at fault goes. Workers that are killed for another reason count
   * as well. 0: never; else at least 2. @default 0
   */
  readonly maxDeliveries?: number | undefined
  /**
   * How long the partitions of a worker that vanished stay its own, in ms; others take them within a quarter of it more.
   * @default 5000
   */
  readonly leaseTime?: number | undefined
  /** The bucket of the leases, made where it is missing. @default 'batchflow' */
  readonly bucket?: string | undefined
  /** Where dead letters go. */
  readonly deadLetters?: NatsDeadLetters | undefined
}

export interface NatsDeadLetters {
  /** Made where it is missing, unless `create` is false. @default '<stream>-dead' */
  readonly stream?: string | undefined
  /** @default '<subject>-dead': the stream of the rows may have `<subject>.*` or `<subject>.>` */
  readonly subject?: string | undefined
}

export const natsConnection = implementing<NatsConnection>(
  'a connection of @nats-io/transport-node',
  'publish',
  'request',
  'subscribe',
  'status',
  'isClosed',
)

const created: Check<StreamSettings | false> = (name, value) => {
  if (value === false) return value
  if (typeof value !== 'object') return refuse(name, 'an object or false', value)
  return nested({
    maxAge: optional(integer(0)),
    maxBytes: optional(integer(-1)),
    replicas: optional(integer(1, 5)),
    duplicateWindow: optional(integer(0)),
  } satisfies OptionsOf<StreamSettings>)(name, value)
}

/** The second one knows which message the first vanished over. */
const deliveries: Check<number> = (name, value) => (value === 0 ? value : integer(2)(name, value))

export const LOG = {
  stream: required(jetStreamName),
  subject: optional(subjectName),
  partitions: optional(integer(1, 1024), 8),
  apiPrefix: optional(text, '$JS.API'),
  create: optional(created, {}),
} satisfies OptionsOf<NatsLog>

const SOURCE = {
  ...LOG,
  group: optional(jetStreamName, 'batchflow'),
  from: optional(oneOf('beginning', 'end'), 'beginning'),
  fetchSize: optional(integer(1, 100_000), 500),
  fetchBytes: optional(integer(1), 4_194_304),
  maxAckPending: optional(integer(1), 20_000),
  maxDeliveries: optional(deliveries, 0),
  leaseTime: optional(integer(500, MAX_DELAY), 5000),
  bucket: optional(jetStreamName, 'batchflow'),
  deadLetters: optional(
    nested({ stream: optional(jetStreamName), subject: optional(subjectName) } satisfies OptionsOf<NatsDeadLetters>),
  ),
} satisfies OptionsOf<NatsSourceOptions>

/** @throws {OptionError} */
export function sourceSettings(options: NatsSourceOptions) {
  const given = parse('nats', SOURCE, options)
  const subject = given.subject ?? given.stream
  const { stream = `${given.stream}-dead`, subject: letters = `${subject}-dead` } = given.deadLetters ?? {}
  return { ...given, subject, deadLetters: { stream, subject: letters } }
}

export type SourceSettings = ReturnType<typeof sourceSettings>
