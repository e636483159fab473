/** One message of a log. */
export interface Message {
  /** Where it stands in its partition; {@link Source.compare} orders them. */
  readonly position: string
  readonly body: string | Uint8Array
  /** Names in lower case; `traceparent` among them where the publisher was traced. */
  readonly headers: Readonly<Record<string, string>>
  /** Bytes it takes, where its body does not tell. @default the length of `body` */
  readonly size?: number | undefined
  /** What its partition was chosen by. */
  readonly key?: string | undefined
  /** ms since 1970 */
  readonly publishedAt?: number | undefined
  /** How often it was handed out before. @default 0 */
  readonly redelivered?: number | undefined
}

/** How far behind a partition is. */
export interface PartitionLag {
  /** Messages that are in the log and not acknowledged, those in flight among them. */
  readonly messages: number
  /** Age of the oldest of them, as far as the log tells; 0 where there is none. */
  readonly seconds?: number | undefined
}

/** Why a row of a message failed. Holds no value of it. */
export interface RowFault {
  readonly reason: string
  readonly table?: string | undefined
  /** The database's own code. */
  readonly code?: string | undefined
  /** Which row, among those of `table` in the message, from 0. */
  readonly row?: number | undefined
  readonly message: string
}

/** Why a message is put aside: `decode`, if it could not be read; else what its row failed for, the first to fail where several did. */
export interface DeadLetterReason extends RowFault {
  /** Where several rows failed: which, and why, in the order they did; the first 20 of them. */
  readonly rows?: readonly RowFault[] | undefined
  /** How many, where several did. */
  readonly failed?: number | undefined
}

/** What a source tells the worker. None of it rejects. */
export interface SourceHost {
  /**
   * A partition is this worker's from now on. Resolves with the position after which to read, where the database keeps it
   * (`''`: from the beginning), else with `undefined`: then the log knows. Nothing of it is delivered before.
   */
  assigned(partition: string): Promise<string | undefined>
  /**
   * A partition is taken away: resolves once nothing of it is in flight, so that its next owner finds no rows of ours under
   * way. `lost`: it is somebody else's already; what is in flight is given up.
   */
  revoked(partition: string, lost?: boolean): Promise<void>
  /** Hands over messages of one partition in their order; resolves when more may come. Called one at a time per partition. */
  deliver(partition: string, messages: readonly Message[]): Promise<void>
  /**
   * A message of the partition is not handed over, as its workers die of it: it is put aside unread, as any other dead letter,
   * which may take as long as there is trouble. `true`: that is durable, and the source counts it as read. `false`: it is not,
   * and comes again.
   */
  poisoned(partition: string, message: Message, why: DeadLetterReason): Promise<boolean>
  /** The log cannot be reached; `undefined`: it can again. */
  trouble(error: Error | undefined): void
}

export interface SourceMode {
  /** Who remembers what was read: the log (messages are acknowledged), or the database (they need not be). */
  readonly position: 'source' | 'database'
}

/**
 * A durable log that rows come from. It owns partitions, reads them in order, waits while the worker has enough, and is told
 * what was settled. It knows nothing of tables or databases.
 */
export interface Source {
  /** What kind it is, for labels: `redis-streams`, `nats`, `kafka`, `spool`. */
  readonly name: string
  /** `messaging.system` of the conventions: `redis`, `nats`, `kafka`, `spool`. */
  readonly system: string
  /** The stream, subject, topic or file. Positions in a database are kept under it. */
  readonly destination: string
  /**
   * What tells this log from others of its name: another server's, or one that was made anew. Known before a partition is
   * assigned where positions are in a database, which keeps them under it. @default none: the name is enough
   */
  readonly identity?: string | undefined
  /** Whether the log has come as far as `position`. Asked of positions that were kept before it had an identity. */
  reaches?(partition: string, position: string): Promise<boolean>
  /** A partition has one owner at a time, and messages come in order even when they come again: rows of one key cannot overtake each other. */
  readonly ordered: boolean
  /**
   * Each message is acknowledged by itself, whoever has its partition now: then what commits after a partition was lost is
   * acknowledged nevertheless, or a worker whose leases are too short for its load would write the same again and again.
   * @default false: nothing of a partition that was lost is acknowledged
   */
  readonly acknowledgesEach?: boolean | undefined
  /**
   * Rows of a message have nothing to do with each other: each that fails is put aside by itself, and `row` tells which one it is.
   * @default false: the message is put aside once, for all of its rows that failed
   */
  readonly deadLettersEach?: boolean | undefined
  /** Negative when position `a` comes before `b`; `''` comes before all. */
  compare(a: string, b: string): number
  /** Begins to read. Resolves when the log was reached once; rejects when what it was given cannot work. */
  start(host: SourceHost, mode: SourceMode): Promise<void>
  /** All of these are settled, in order. With positions in the database it may be left undone. Rejects when the log cannot be reached; they are then acknowledged again with the next ones. */
  acknowledge(partition: string, messages: readonly Message[]): Promise<void>
  /** Called every `heartbeat` ms with what is not settled, so that the log does not hand it to others. */
  keepAlive?(partition: string, messages: readonly Message[]): Promise<void>
  /** ms */
  readonly heartbeat?: number | undefined
  /** Puts a message aside with its original bytes and why; resolves when that is durable. */
  deadLetter(partition: string, message: Message, why: DeadLetterReason): Promise<void>
  /** Of the partitions owned now. */
  lag(): Promise<ReadonlyMap<string, PartitionLag>>
  /** No more messages; gives the partitions back (through `revoked`). The user's client is not closed. */
  stop(): Promise<void>
}
