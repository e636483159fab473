import { AttemptError, type BatchInput } from '../../contract/driver.ts'
import { fieldOf } from '../../support/field.ts'
import { type Cursor, EncodeError, pinned } from '../kit/encode-error.ts'
import { type Bound, type EncodeDate, encode, exactRoomFor, roomFor } from './encode.ts'

/** Rows of a batch that go into one statement. */
export interface Chunk {
  /** Place of the first one in the batch. */
  readonly first: number
  readonly rows: number
  /** Row by row. */
  readonly values: readonly Bound[]
}

/** What the server and the client take. */
export interface Limits {
  /** Bytes of one packet. */
  readonly packet: number
  /** Parameters of one statement: 65,535, the count has two bytes (MySQL documentation, `COM_STMT_PREPARE`). */
  readonly parameters: number
  readonly encodeDate: EncodeDate
}

/** What a statement needs beside its values. */
const OVERHEAD = 1024

/**
 * Encodes the rows and divides them into statements that the server takes.
 *
 * @param sizes how many rows each statement is to have, for a number of rows
 * @throws {AttemptError} naming the row that cannot be encoded, or is bigger than a packet by itself
 */
export function chunksOf(batch: BatchInput, limits: Limits, sizes: (rows: number) => readonly number[]): Chunk[] {
  return pinned(batch.columns, (cursor) => divide(batch, limits, sizes, cursor))
}

function divide(
  batch: BatchInput,
  limits: Limits,
  sizes: (rows: number) => readonly number[],
  cursor: Cursor,
): Chunk[] {
  const width = batch.columns.length
  const values: Bound[] = []
  const chunks: Chunk[] = []
  const cut = (first: number, end: number) => {
    let at = first
    for (const rows of sizes(end - first)) {
      chunks.push({ first: at, rows, values: values.slice(at * width, (at + rows) * width) })
      at += rows
    }
  }
  const mostRows = Math.max(1, Math.floor(limits.parameters / width))
  let first = 0
  let room = OVERHEAD
  for (cursor.row = 0; cursor.row < batch.rows.length; cursor.row++) {
    const needed = encodeRow(batch, cursor, values, limits)
    if (cursor.row - first === mostRows || (cursor.row > first && room + needed > limits.packet)) {
      cut(first, cursor.row)
      first = cursor.row
      room = OVERHEAD
    }
    room += needed
  }
  if (first < batch.rows.length) cut(first, batch.rows.length)
  return chunks
}

/** Puts the values of the row at the cursor in their place, and returns the room they take. */
function encodeRow({ rows, columns }: BatchInput, cursor: Cursor, values: Bound[], limits: Limits): number {
  const start = cursor.row * columns.length
  const row = rows[cursor.row]!
  const most = limits.packet - OVERHEAD
  let room = 0
  for (let i = 0; i < columns.length; i++) {
    cursor.column = i
    const value = encode(fieldOf(row, columns[i]!), limits.encodeDate)
    values[start + i] = value
    room += roomFor(value)
  }
  if (room <= most) return room
  let exact = 0
  for (let i = 0; i < columns.length; i++) exact += exactRoomFor(values[start + i]!)
  if (exact <= most) return exact
  const cause = new EncodeError('the row is larger than max_allowed_packet of the server')
  throw new AttemptError(cause, { rowIndex: cursor.row })
}
