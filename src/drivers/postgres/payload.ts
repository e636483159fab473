import type { BatchInput } from '../../contract/driver.ts'
import { AttemptError } from '../../contract/driver.ts'
import type { Preparation } from './messages.ts'
import { EncodeError, type Writer, type WriterPool } from './writer.ts'

/** A batch as bytes, ready to be sent any number of times until it is released. */
export class Statement {
  readonly name: 'COPY' | 'INSERT'
  readonly text: string
  /** What the connection must have prepared. */
  readonly preparations: readonly Preparation[]
  readonly #writer: Writer
  readonly #pool: WriterPool
  /** The owner's hold, and one for each write the socket has not finished. */
  #holds = 1

  constructor(
    name: 'COPY' | 'INSERT',
    text: string,
    preparations: readonly Preparation[],
    writer: Writer,
    pool: WriterPool,
  ) {
    this.name = name
    this.text = text
    this.preparations = preparations
    this.#writer = writer
    this.#pool = pool
  }

  /** The messages, and the promise to call `drop` when the socket is done with them. */
  hold(): Uint8Array {
    this.#holds++
    return this.#writer.bytes.subarray(0, this.#writer.position)
  }

  /** The buffer serves another batch only when nobody can read it any more. */
  drop(): void {
    if (--this.#holds === 0) this.#pool.give(this.#writer)
  }
}

/** Where the encoding of a batch stands, so that a failure can be pinned on its row. */
export interface Cursor {
  row: number
  column: number
}

/** Runs `encode`; what it throws becomes the failure of the row at the cursor. */
export function pinned<T>(batch: BatchInput, encode: (cursor: Cursor) => T): T {
  const cursor = { row: 0, column: 0 }
  try {
    return encode(cursor)
  } catch (error) {
    const column = JSON.stringify(batch.columns[cursor.column])
    const what = error instanceof EncodeError ? error.message : 'see cause'
    const cause = new EncodeError(`value of column ${column} cannot be encoded: ${what}`, { cause: error })
    throw new AttemptError(cause, { rowIndex: cursor.row })
  }
}

export function fieldOf(row: object, column: string): unknown {
  return (row as Record<string, unknown>)[column]
}
