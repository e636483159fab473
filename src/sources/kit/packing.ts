import { encodeRow, HEADER, overheadOf, textOf } from '../../consume/message-format.ts'
import { activeTraceHeaders } from '../../consume/traceparent.ts'
import { checkChange } from '../../contract/deletion.ts'
import type { Row, Table } from '../../contract/table.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { show } from '../../support/validate.ts'
import type { LogMessage } from './log-driver.ts'
import { canonical, keyTextOf, partitionOf } from './partition.ts'

/** What a row without conflict keys is put together by; rows of one value stay in order. */
export type PartitionBy = (row: Row, table: string) => string | number | bigint | undefined

/** Rows of one table as the body of a message; of a table with `deletes` deletions are among them, which `isDeletion` tells. */
export type MessageEncoder = (rows: readonly Row[], table: Table<Row>) => EncodedMessage

export interface EncodedMessage {
  readonly body: string | Uint8Array
  /** Beside those of the trace and the table. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface PackingSettings {
  readonly partitions: number
  /** The log's own hash. @default {@link partitionOf} */
  readonly partitionOf?: ((keyText: string, count: number) => number) | undefined
  readonly partitionBy: PartitionBy | undefined
  readonly encode: MessageEncoder | undefined
  readonly maxMessageBytes: number
  readonly maxMessageRows: number
}

/** Rows that go to one partition, as they were handed over. */
interface Share {
  /** `undefined` once there are several. */
  key: string | undefined
  readonly rows: Row[]
}

/** Makes messages of rows: chooses their partitions, encodes each row once, tells where they are from. */
export class Packing {
  readonly #settings: PackingSettings
  /** The partition of the next row, or call, that nothing else decides about. */
  #turn: number
  readonly #headers = new WeakMap<object, Readonly<Record<string, string>>>()

  constructor(settings: PackingSettings) {
    this.#settings = settings
    this.#turn = Math.floor(Math.random() * settings.partitions)
  }

  /** @throws {InvalidRowError} for a row that no message can hold */
  one(table: Table<Row>, row: Row): LogMessage {
    const key = this.#keyOf(table, row)
    const partition = key === undefined ? this.#next() : this.#place(key)
    return this.#message(table, partition, key, this.#encoded(table, [row]), activeTraceHeaders())
  }

  /**
   * Rows of one call: one message per partition, more where it would be larger than `maxMessageBytes` or of more than
   * `maxMessageRows` rows.
   *
   * @throws {InvalidRowError} for the first row that no message can hold; then there is no message of any
   */
  many(table: Table<Row>, rows: readonly Row[]): LogMessage[] {
    const trace = activeTraceHeaders()
    const messages: LogMessage[] = []
    for (const [partition, { key, rows: share }] of this.#shares(table, rows)) {
      for (const encoded of this.#bodies(table, share))
        messages.push(this.#message(table, partition, key, encoded, trace))
    }
    return messages
  }

  #place(key: string): number {
    const { partitions, partitionOf: own = partitionOf } = this.#settings
    return own(key, partitions)
  }

  #shares(table: Table<Row>, rows: readonly Row[]): Map<number, Share> {
    const shares = new Map<number, Share>()
    const turn = this.#next() // rows of one call that nothing decides about stay together
    for (const row of rows) {
      const key = this.#keyOf(table, row)
      const partition = key === undefined ? turn : this.#place(key)
      const share = shares.get(partition)
      if (share === undefined) shares.set(partition, { key, rows: [row] })
      else {
        share.rows.push(row)
        if (share.key !== key) share.key = undefined
      }
    }
    return shares
  }

  *#bodies(table: Table<Row>, rows: readonly Row[]): Generator<EncodedMessage> {
    const { encode, maxMessageBytes, maxMessageRows } = this.#settings
    if (encode !== undefined) {
      for (let i = 0; i < rows.length; i += maxMessageRows)
        yield* this.#halved(table, rows.slice(i, i + maxMessageRows))
      return
    }
    let texts: string[] = []
    let bytes = overheadOf(table)
    for (const row of rows) {
      const text = encodeRow(table, row)
      const more = Buffer.byteLength(text) + 1
      if (texts.length > 0 && (texts.length === maxMessageRows || bytes + more > maxMessageBytes)) {
        yield { body: textOf(table, texts) }
        texts = []
        bytes = overheadOf(table)
      }
      texts.push(text)
      bytes += more
    }
    yield { body: textOf(table, texts) }
  }

  /** How large the user's own encoding is shows afterwards. */
  *#halved(table: Table<Row>, rows: readonly Row[]): Generator<EncodedMessage> {
    const encoded = this.#encoded(table, rows)
    if (rows.length === 1 || Buffer.byteLength(encoded.body) <= this.#settings.maxMessageBytes)
      return void (yield encoded)
    const half = rows.length >>> 1
    yield* this.#halved(table, rows.slice(0, half))
    yield* this.#halved(table, rows.slice(half))
  }

  #encoded(table: Table<Row>, rows: readonly Row[]): EncodedMessage {
    const { encode } = this.#settings
    if (encode === undefined)
      return {
        body: textOf(
          table,
          rows.map((row) => encodeRow(table, row)),
        ),
      }
    for (const row of rows) checkChange(table, row)
    const encoded = encode(rows, table)
    const body = encoded?.body
    if (typeof body === 'string' || ArrayBuffer.isView(body)) return encoded
    throw new OptionError(`publisher: encode must return { body } with a string or bytes, received ${show(encoded)}`)
  }

  #keyOf(table: Table<Row>, row: Row): string | undefined {
    const key = keyTextIn(table, row)
    if (key !== undefined || this.#settings.partitionBy === undefined) return key
    const value = this.#settings.partitionBy(row, table.name)
    return value === undefined ? undefined : canonical(value)
  }

  #message(
    table: Table<Row>,
    partition: number,
    key: string | undefined,
    { body, headers }: EncodedMessage,
    trace: object | undefined,
  ): LogMessage {
    const fixed = this.#headersOf(table)
    if (trace === undefined && headers === undefined) return { partition, key, headers: fixed, body }
    return { partition, key, headers: { ...fixed, ...trace, ...headers }, body }
  }

  #headersOf(table: Table<Row>): Readonly<Record<string, string>> {
    const known = this.#headers.get(table)
    if (known !== undefined) return known
    const type = this.#settings.encode === undefined ? { [HEADER.contentType]: 'application/json' } : {}
    const headers = Object.freeze({ [HEADER.table]: table.name, ...type })
    this.#headers.set(table, headers)
    return headers
  }

  #next(): number {
    const { partitions } = this.#settings
    this.#turn = (this.#turn + 1) % partitions
    return this.#turn
  }
}

/** A key that no text can hold is a value that no message can hold, and told as that. */
function keyTextIn(table: Table<Row>, row: Row): string | undefined {
  try {
    return keyTextOf(table, row)
  } catch (error) {
    encodeRow(table, row)
    throw error
  }
}
