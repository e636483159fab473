import type { SpanContext } from '@opentelemetry/api'
import type { MessageOutcome } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import type { Chunk } from './chunk.ts'
import type { Message } from './source.ts'

/** What a message takes beside its body, about, in bytes. */
const OVERHEAD = 200

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
  /** It is being put aside, or was. */
  letter: Promise<boolean> | undefined
  /** The span it comes from; only where there is tracing. */
  origin: SpanContext | undefined
  readonly chunk: Chunk | undefined

  constructor(message: Message, before: string, chunk: Chunk | undefined) {
    this.message = message
    this.before = before
    this.chunk = chunk
    this.bytes = message.body.length + OVERHEAD
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
