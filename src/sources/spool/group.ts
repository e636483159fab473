import type { SpanContext } from '@opentelemetry/api'
import { textOf } from '../../consume/message-format.ts'
import { traceHeadersOf } from '../../consume/traceparent.ts'
import type { Table } from '../../contract/table.ts'
import type { Draft } from './spool-store.ts'

/** Rows in one message at most: they are read, and may be put aside, together. */
const MESSAGE_ROWS = 100
const MESSAGE_BYTES = 128 * 1024
/** What one commit takes: more would hold the event loop for long. */
const GROUP_ROWS = 5000
const GROUP_MESSAGES = 2000
const GROUP_BYTES = 1024 * 1024

/** A row that was encoded, and where it belongs. */
export interface EncodedRow {
  readonly partition: number
  readonly table: Table
  readonly text: string
  /** Who handed it over. */
  readonly origin: SpanContext | undefined
  /** It has a message of its own. */
  readonly alone: boolean
}

/** Rows of one table and partition that came from one span, on their way to be one message. */
export class OpenMessage implements Draft {
  readonly partition: number
  readonly #table: Table
  readonly #origin: SpanContext | undefined
  readonly #rows: string[] = []
  #bytes = 0

  constructor({ partition, table, origin }: EncodedRow) {
    this.partition = partition
    this.#table = table
    this.#origin = origin
  }

  get table(): string {
    return this.#table.name
  }

  get trace(): string | undefined {
    if (this.#origin === undefined) return undefined
    const { traceparent, tracestate } = traceHeadersOf(this.#origin)
    return tracestate === undefined ? traceparent : `${traceparent}\n${tracestate}`
  }

  get body(): string {
    return textOf(this.#table, this.#rows)
  }

  takes({ origin, alone }: EncodedRow): boolean {
    if (alone || origin !== this.#origin) return false
    return this.#rows.length < MESSAGE_ROWS && this.#bytes < MESSAGE_BYTES
  }

  add({ text }: EncodedRow): void {
    this.#bytes += text.length
    this.#rows.push(text)
  }
}

/** A row's place in a group. */
export interface Place {
  readonly group: Group
  readonly message: OpenMessage
}

/** Rows that are committed together. Whoever handed one over waits for the same promise. */
export class Group {
  readonly messages: OpenMessage[] = []
  /** Who handed them over. */
  readonly origins = new Set<SpanContext>()
  readonly stored: Promise<void>
  rows = 0
  bytes = 0
  #resolve!: () => void
  #reject!: (error: Error) => void
  readonly #mostBytes: number
  /** The message that still takes rows, by table and partition. */
  readonly #open = new Map<Table, (OpenMessage | undefined)[]>()

  /** @param room of the whole spool: a group must not be larger than what may become free */
  constructor(room: number) {
    this.#mostBytes = Math.min(GROUP_BYTES, room / 4)
    this.stored = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get isFull(): boolean {
    if (this.rows >= GROUP_ROWS || this.messages.length >= GROUP_MESSAGES) return true
    return this.bytes >= this.#mostBytes
  }

  /** Rows of one key have one table and partition, so that their order is kept. */
  add(row: EncodedRow): Place {
    this.rows++
    this.bytes += row.text.length
    const message = this.#messageFor(row)
    message.add(row)
    return { group: this, message }
  }

  succeed(): void {
    this.#resolve()
  }

  fail(error: Error): void {
    this.#reject(error)
  }

  #messageFor(row: EncodedRow): OpenMessage {
    const { table, partition, origin, alone } = row
    const ofTable = this.#open.get(table) ?? []
    const open = ofTable[partition]
    if (open?.takes(row)) return open
    const message = new OpenMessage(row)
    this.messages.push(message)
    if (origin !== undefined) this.origins.add(origin)
    ofTable[partition] = alone ? undefined : message
    this.#open.set(table, ofTable)
    return message
  }
}
