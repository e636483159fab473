import { AttemptError } from '../../contract/driver.ts'
import { brand } from '../../support/brand.ts'

/** A value the database could never take, found before anything was sent. Says nothing about the value itself. */
export class EncodeError extends Error {
  static {
    brand(EncodeError, 'encode-error')
  }

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EncodeError'
  }
}

/** Where the encoding of a batch stands. */
export interface Cursor {
  row: number
  /** Its place among the columns. */
  column: number
}

/**
 * Runs `encode`, which moves the cursor along; what it throws becomes the failure of the row at the cursor. One for a whole
 * batch: a function for each value would cost more than most values do.
 *
 * @throws {AttemptError} naming the row, its cause naming the column
 */
export function pinned<T>(columns: readonly string[], encode: (cursor: Cursor) => T): T {
  const cursor = { row: 0, column: 0 }
  try {
    return encode(cursor)
  } catch (error) {
    if (error instanceof AttemptError) throw error
    const column = JSON.stringify(columns[cursor.column])
    const what = error instanceof EncodeError ? error.message : 'see cause'
    const cause = new EncodeError(`value of column ${column} cannot be encoded: ${what}`, { cause: error })
    throw new AttemptError(cause, { rowIndex: cursor.row })
  }
}
