import { AttemptError, type BatchInput, type RowFailure } from '../../contract/driver.ts'
import type { Row } from '../../contract/table.ts'

/** A batch without the rows that cannot be encoded. */
export interface Sieved {
  readonly batch: BatchInput
  /** What was left out, by the places of the batch as it was. */
  readonly failures: readonly RowFailure[]
  /** Places there of the rows that are left. */
  readonly places: readonly number[]
}

/**
 * What `encode` makes of a batch, without the rows it cannot take. They are looked for only once it has thrown, each by
 * itself.
 *
 * @param encodeOne encodes, or throws, as `encode` would for this row
 * @throws {AttemptError} that of `encode` where leaving out rows is no help
 */
export function withoutUnencodable<T>(
  batch: BatchInput,
  encode: (batch: BatchInput, sieved?: Sieved) => T,
  encodeOne: (single: BatchInput) => unknown,
): T {
  try {
    return encode(batch)
  } catch (error) {
    if (!(error instanceof AttemptError) || error.rowIndex === undefined || batch.rows.length === 1) throw error
    const sieved = sieve(batch, encodeOne)
    try {
      return encode(sieved.batch, sieved)
    } catch {
      throw error
    }
  }
}

/** All failures of the batch as it was. @param later those of the rows that were left, by their places among them */
export function failuresOf({ failures, places }: Sieved, later: readonly RowFailure[]): readonly RowFailure[] {
  return [...failures, ...later.map(({ index, error }) => ({ index: places[index]!, error }))]
}

function sieve({ table, columns, deletions, rows }: BatchInput, encodeOne: (single: BatchInput) => unknown): Sieved {
  const good: Row[] = []
  const places: number[] = []
  const failures: RowFailure[] = []
  rows.forEach((row, index) => {
    try {
      encodeOne({ table, columns, deletions, rows: [row] })
      good.push(row)
      places.push(index)
    } catch (error) {
      failures.push({ index, error })
    }
  })
  return { batch: { table, columns, deletions, rows: good }, failures, places }
}
