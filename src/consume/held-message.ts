import type { SpanContext } from '@opentelemetry/api'
import type { MessageOutcome } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import type { Chunk } from './chunk.ts'
import type { DeadLetterReason, Message, RowFault } from './source.ts'

/** What a message takes beside its body, about, in bytes. */
const OVERHEAD = 200
/** How many rows that failed a letter names. */
const MOST_FAULTS = 20

/** A message that is not acknowledged, and what is left to do for it. */
export class HeldMessage {
  /** Of the same message the one that came last: the log may know it by something else now. */
  message: Message
  /** The position of the one before it in its partition. */
  readonly before: string
  readonly items: Item[] = []
  readonly bytes: number
  /** Rows, and letters about it, that are not settled. */
  left = 0
  outcome: MessageOutcome = 'dropped'
  /** Rows that failed, and are settled once it is put aside. */
  failed = 0
  readonly #faults: RowFault[] = []
  /** It is being put aside, or was. */
  letter: Promise<boolean> | undefined
  /** The span it comes from; only where there is tracing. */
  origin: SpanContext | undefined
  readonly chunk: Chunk | undefined

  constructor(message: Message, before: string, chunk: Chunk | undefined) {
    this.message = message
    this.before = before
    this.chunk = chunk
    this.bytes = (message.size ?? message.body.length) + OVERHEAD
  }

  /** A row of it failed. */
  fail(fault: RowFault): void {
    this.failed++
    if (this.#faults.length < MOST_FAULTS) this.#faults.push(fault)
  }

  /** Why it is put aside, once rows have failed. */
  get why(): DeadLetterReason {
    const [first] = this.#faults
    return this.failed > 1 ? { ...first!, rows: this.#faults, failed: this.failed } : first!
  }

  /** A row of it is settled. */
  settle(outcome: Exclude<MessageOutcome, 'dropped'> | undefined): void {
    this.left--
    if (outcome !== undefined && this.outcome !== 'dead_lettered') this.outcome = outcome
  }
}

/** A row of a message. */
export interface Item {
  readonly held: HeldMessage
  readonly table: Table
  readonly row: Row
  /** Its place among the rows of this table in its message. */
  readonly index: number
  /** It is the last of them. */
  isLast: boolean
}
