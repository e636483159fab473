import {
  type Check,
  integer,
  nested,
  type OptionsOf,
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
  /** How many there are. Workers share them: as many can work as there are partitions. */
  readonly partitions: number
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
  /** Messages asked for ahead, per partition. @default 500 */
  readonly prefetch?: number | undefined
  /** Bytes asked for ahead, per partition, as far as the size of messages before tells. @default 4194304 */
  readonly prefetchBytes?: number | undefined
  /** With `acks: 'broker'`: messages per partition that may be delivered and not acknowledged. @default 20000 */
  readonly maxAckPending?: number | undefined
  /**
   * With `acks: 'broker'`: a message that as many owners in a row ended over without a word is put aside as a dead letter. The
   * last of them gets the messages in doubt one by one, so that only the one at fault goes. A worker that is killed while the
   * database is away is such an owner, too. @default none: it is handed out however often that happens
   */
  readonly maxDeliver?: number | undefined
  /** How long a worker that says nothing keeps its partitions, in ms. @default 10000 */
  readonly leaseTtl?: number | undefined
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

export const LOG = {
  stream: required(jetStreamName),
  subject: optional(subjectName),
  partitions: required(integer(1, 1024)),
  apiPrefix: optional(text, '$JS.API'),
  create: optional(created, {}),
} satisfies OptionsOf<NatsLog>

const SOURCE = {
  ...LOG,
  group: optional(jetStreamName, 'batchflow'),
  prefetch: optional(integer(1), 500),
  prefetchBytes: optional(integer(1), 4_194_304),
  maxAckPending: optional(integer(1), 20_000),
  maxDeliver: optional(integer(2)),
  leaseTtl: optional(integer(500), 10_000),
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
