import type { RowFailedError } from '../contract/errors.ts'
import type { Row, Table } from '../contract/table.ts'
import type { DeadLetter } from '../flow/dead-letters.ts'
import { fieldOf } from '../support/field.ts'

/**
 * Sees, while a file is replayed, which letters a flow's own handler writes to that file: a row that fails again must not be
 * in it twice.
 */
export class Witness {
  readonly #written = new WeakMap<RowFailedError, Set<Row>>()

  saw(letters: readonly DeadLetter[]): void {
    for (const { error, row } of letters) {
      const rows = this.#written.get(error)
      if (rows === undefined) this.#written.set(error, new Set([row]))
      else rows.add(row)
    }
  }

  /** Whether there is a letter of `row`, which failed with `error`, or of the row it was merged into. */
  hasSeen(error: RowFailedError, row: Row, { keys }: Table): boolean {
    const rows = this.#written.get(error)
    if (rows === undefined || rows.has(row)) return rows !== undefined
    return keys.length > 0 && [...rows].some((other) => keys.every((key) => fieldOf(other, key) === fieldOf(row, key)))
  }
}

/** By the files that are being replayed. */
export const witnesses = new Map<string, Witness>()
