import { AttemptError, type BatchInput } from '../../contract/driver.ts'
import { type Bound, EncodeError, encode, exactRoomFor, roomFor } from './encode.ts'

/** Rows of a batch that go into one statement. */
export interface Chunk {
  /** Place of the first one in the batch. */
  readonly first: number
  readonly rows: number
  /** Row by row. */
  readonly values: readonly Bound[]
}

export interface Limits {
  /** Bytes of one packet. */
  readonly packet: number
  /** Parameters of one statement: 65,535, the count has two bytes (MySQL documentation, `COM_STMT_PREPARE`). */
  readonly parameters: number
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
  for (let row = 0; row < batch.rows.length; row++) {
    const needed = encodeRow(batch, row, values, limits.packet - OVERHEAD)
    if (row - first === mostRows || (row > first && room + needed > limits.packet)) {
      cut(first, row)
      first = row
      room = OVERHEAD
    }
    room += needed
  }
  cut(first, batch.rows.length)
  return chunks
}

/** Puts the row's values in their place, and returns the room they take. */
function encodeRow({ rows, columns }: BatchInput, row: number, values: Bound[], most: number): number {
  const start = row * columns.length
  const fields = rows[row] as Record<string, unknown>
  let room = 0
  for (let i = 0; i < columns.length; i++) {
    const value = pinned(row, columns[i]!, () => encode(fields[columns[i]!]))
    values[start + i] = value
    room += roomFor(value)
  }
  if (room <= most) return room
  let exact = 0
  for (let i = 0; i < columns.length; i++) exact += exactRoomFor(values[start + i]!)
  if (exact <= most) return exact
  throw new AttemptError(new EncodeError('the row is larger than max_allowed_packet of the server'), { rowIndex: row })
}

/** Runs `act`; what it throws becomes the failure of the row. */
function pinned<T>(rowIndex: number, column: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    const what = error instanceof EncodeError ? error.message : 'see cause'
    const message = `value of column ${JSON.stringify(column)} cannot be encoded: ${what}`
    throw new AttemptError(new EncodeError(message, { cause: error }), { rowIndex })
  }
}
