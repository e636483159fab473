import type { BatchFlowError } from '../support/batchflow-error.ts'
import type { Row } from './table.ts'

export interface WriteOptions {
  /** Ends the wait; rows that were taken before are settled nevertheless. */
  readonly signal?: AbortSignal | undefined
}

/** What became of rows that were written without a flow of one's own. */
export interface WriteResult<R extends Row> {
  /** Rows that are in the table, those merged into others by their keys among them. */
  readonly committed: number
  /** Rows that are not, in the order they were given; empty where all are. */
  readonly failed: readonly FailedRow<R>[]
}

export interface FailedRow<R extends Row> {
  readonly row: R
  /** Its place in what was given, from 0. */
  readonly index: number
  /** A `RowFailedError`; an `AbortedError` or `InvalidRowError` where the row was not taken. */
  readonly error: BatchFlowError
}
