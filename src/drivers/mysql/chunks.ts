import { AttemptError, type BatchInput } from '../../contract/driver.ts'
import { plainText } from '../../support/decimal.ts'
import { fieldOf } from '../../support/field.ts'
import { type Cursor, EncodeError, pinned } from '../kit/encode-error.ts'
import { addend } from '../kit/values.ts'
import type { Dates } from './dates.ts'
import { encode } from './encode.ts'
import { EncodedRows } from './encoded-rows.ts'
import { type ParameterWriter, withWriter } from './parameter-writer.ts'

/** Rows of a batch that go into one statement. */
export class Chunk {
  /** Place of the first one in the batch. */
  readonly first: number
  readonly rows: number
  readonly #encoded: EncodedRows

  constructor(encoded: EncodedRows, first: number, rows: number) {
    this.#encoded = encoded
    this.first = first
    this.rows = rows
  }

  /** Columns. */
  get width(): number {
    return this.#encoded.width
  }

  /** Some of them. @param first counted from the first one here */
  part(first: number, rows: number): Chunk {
    return rows === this.rows ? this : new Chunk(this.#encoded, this.first + first, rows)
  }

  /** Values for `mysql2` to encode, row by row. */
  bound(): readonly unknown[] {
    return this.#encoded.bound(this.first, this.rows)
  }

  /** The same encoded already, see {@link EncodedRows.parameters}. */
  parameters(start: number, named: boolean): Buffer {
    return this.#encoded.parameters(this.first, this.rows, start, named)
  }
}

/** What the server and the client take. */
export interface Limits {
  /** Bytes of one packet. */
  readonly packet: number
  /** Parameters of one statement: 65,535, the count has two bytes (MySQL documentation, `COM_STMT_PREPARE`). */
  readonly parameters: number
  readonly dates: Dates
  /**
   * Numbers that are not whole go as texts. MySQL 8.0.22 and later remember of a parameter that it was a DOUBLE, and read later
   * texts as one: they would lose digits, in columns of decimals and of texts.
   */
  readonly asTexts?: boolean
}

/** What a statement needs beside its values. */
const OVERHEAD = 1024
/** What a value needs beside its bytes: type, name and null bit, or quotes and a comma. */
const BESIDE = 8

/** How many rows each statement is to have, for a number of rows. */
type Sizes = (rows: number) => readonly number[]

/**
 * Encodes the rows and divides them into statements that the server takes.
 *
 * @throws {AttemptError} naming the row that cannot be encoded, or is bigger than a packet by itself
 */
export function chunksOf(batch: BatchInput, limits: Limits, sizes: Sizes): Chunk[] {
  return withWriter((writer) => pinned(batch.columns, (cursor) => divide(batch, limits, sizes, cursor, writer)))
}

function divide(batch: BatchInput, limits: Limits, sizes: Sizes, cursor: Cursor, writer: ParameterWriter): Chunk[] {
  const { rows, columns } = batch
  const width = columns.length
  const types = new Uint8Array(rows.length * width)
  const starts = new Float64Array(rows.length + 1)
  const most = Math.max(1, Math.floor(limits.parameters / width))
  const room = limits.packet - OVERHEAD
  /** Where statements begin. */
  const cuts = [0]
  let used = 0
  for (; cursor.row < rows.length; cursor.row++) {
    encodeRow(batch, limits, cursor, writer, types)
    starts[cursor.row + 1] = writer.position
    const size = writer.position - starts[cursor.row]! + BESIDE * width
    if (size > room) {
      const cause = new EncodeError('the row is larger than max_allowed_packet of the server')
      throw new AttemptError(cause, { rowIndex: cursor.row })
    }
    if (cursor.row - cuts.at(-1)! === most || used + size > room) {
      cuts.push(cursor.row)
      used = 0
    }
    used += size
  }
  const bytes = Buffer.from(writer.bytes.subarray(0, writer.position))
  const encoded = new EncodedRows(batch, limits.dates, bytes, types, starts)
  return cuts.flatMap((first, i) => chunksBetween(encoded, first, cuts[i + 1] ?? rows.length, sizes))
}

function encodeRow(
  { table: { combine }, rows, columns }: BatchInput,
  { dates, asTexts = false }: Limits,
  cursor: Cursor,
  writer: ParameterWriter,
  types: Uint8Array,
): void {
  const row = rows[cursor.row]!
  const { length } = columns
  const start = cursor.row * length
  for (let i = 0; i < length; i++) {
    cursor.column = i
    const value = fieldOf(row, columns[i]!)
    const isAdded = combine?.get(columns[i]!) === 'add'
    const bound = encode(isAdded ? addend(value) : value, dates.bind)
    types[start + i] = writer.write(asTexts && typeof bound === 'number' ? wholeOrText(bound) : bound, dates)
  }
}

/** As the server itself writes numbers into columns of texts. */
export function wholeOrText(value: number): number | string {
  if (Object.is(value, -0)) return '-0'
  if (Number.isSafeInteger(value)) return value
  const size = Math.abs(value)
  return size < 1 && size >= 1e-15 ? plainText(value) : String(value).replace('e+', 'e')
}

function chunksBetween(encoded: EncodedRows, first: number, end: number, sizes: Sizes): Chunk[] {
  let at = first
  return sizes(end - first).map((rows) => {
    const chunk = new Chunk(encoded, at, rows)
    at += rows
    return chunk
  })
}
