import {
  type AttemptContext,
  AttemptError,
  type BatchInput,
  type Driver,
  type DriverTarget,
  type Operation,
  type RowFailure,
} from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'

/** A message on its way into a log: what a publisher's flow has for rows. */
export interface LogMessage {
  /** Which of the log's partitions, from 0. */
  readonly partition: number
  /** What the partition was chosen by, where all rows of the message have the same. */
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/**
 * The boundary of a publisher to its log, one per source. It is asked with one batch at a time, so that messages of a
 * partition are in the log in the order they were submitted, retries included.
 */
export interface LogDriver {
  /** As the source is called, for metrics: `redis-streams`, `nats`, `kafka`, `spool`. */
  readonly name: string
  /** `messaging.system` of the conventions. */
  readonly system: string
  /** The stream, subject, topic or file. */
  readonly destination: string
  /** How many partitions there are. */
  readonly partitions: number
  readonly target?: DriverTarget | undefined
  /** Which of `count` partitions a key belongs to, where the log has a hash of its own that other clients of it use, too. */
  partitionOf?(keyText: string, count: number): number
  /**
   * Writes messages to the log in one go. Resolves with nothing once the log has all of them, or with those that it has not
   * (`index` is the place in `messages`; one whose error is ambiguous has all of them sent again); of one partition, never a
   * later one without an earlier one unless that can never be taken. Rejects when the log has none, or with an `AttemptError` whose `ambiguous` is true when that is unknown.
   *
   * @param id `<publisher>:<number>`, the same when these very messages are sent again, which is before any others are: a log
   *   that remembers the last number of a publisher can leave alone what is not later
   */
  send(messages: readonly LogMessage[], signal: AbortSignal, id: string): Promise<readonly RowFailure[] | undefined>
  /** Recognises the errors of this log; see `Driver.classify`. */
  classify?(error: unknown): Classification | undefined
  /** A sign of life; without it a batch is tried instead. */
  ping?(signal: AbortSignal): Promise<void>
  /** Gives back what is its own; the user's client stays. Called once, when nothing is sent any more. */
  close?(): void | Promise<void>
}

interface SendOperation extends Operation {
  readonly messages: readonly LogMessage[]
  readonly id: string
}

/** A log as a driver, for the flow inside a publisher. */
export class SendDriver implements Driver<SendOperation> {
  readonly name: string
  readonly target: DriverTarget | undefined
  readonly ping?: (attempt: AttemptContext) => Promise<void>
  readonly #log: LogDriver
  readonly #nextId: () => string

  constructor(log: LogDriver, nextId: () => string) {
    this.name = log.name
    this.target = log.target
    this.#log = log
    this.#nextId = nextId
    if (log.ping !== undefined) this.ping = ({ signal }) => log.ping!(signal)
  }

  plan({ rows }: BatchInput): SendOperation {
    const messages = rows as readonly LogMessage[]
    let byteLength = 0
    for (const { body } of messages) byteLength += Buffer.byteLength(body)
    const text = `send ${this.#log.destination}`
    return { name: 'send', text, byteLength, batchSize: messages.length, messages, id: this.#nextId() }
  }

  /** Of what may be in the log all is sent again: only the same messages under their id are known again there. */
  async run({ messages, id }: SendOperation, { signal }: AttemptContext): Promise<readonly RowFailure[] | undefined> {
    const failures = await this.#log.send(messages, signal, id)
    const unknown = failures?.find(({ error }) => error instanceof AttemptError && error.ambiguous)
    if (unknown !== undefined) throw unknown.error
    return failures
  }

  classify(error: unknown): Classification | undefined {
    return this.#log.classify?.(error)
  }
}
