import { checkChange, isMadeDeletion } from '../contract/deletion.ts'
import { AbortedError, ClosedError, InvalidRowError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import type { Lane } from '../lanes/lane.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'

/** And not the deletion of one. */
export function isRow(row: unknown): boolean {
  return isObject(row) && !isMadeDeletion(row as object)
}

/** Those from `first` on, up to `most`, and up to what is no row. Each is read once: it may be another one the next time. */
export function leadingRows(rows: readonly Row[], first: number, most: number): readonly Row[] {
  if (most <= 0) return []
  try {
    const some = rows.slice(first, first + most)
    const end = some.findIndex((row) => !isRow(row))
    return end < 0 ? some : some.slice(0, end)
  } catch {
    return [] // what cannot be read is told of when it is submitted by itself
  }
}

function isObject(row: unknown): boolean {
  return typeof row === 'object' && row !== null && !Array.isArray(row)
}

function refusal(lane: Lane, row: unknown, open: boolean, signal?: AbortSignal): BatchFlowError {
  if (!isObject(row)) {
    lane.reject('invalid')
    const received = row === null ? 'null' : Array.isArray(row) ? 'an array' : typeof row
    return new InvalidRowError(
      `a row of table ${JSON.stringify(lane.table.name)} must be an object, received ${received}`,
    )
  }
  if (open && signal?.aborted) {
    lane.reject('context')
    return new AbortedError('submit was aborted; the row was not accepted', signal.reason)
  }
  lane.reject('closed')
  return new ClosedError()
}

/**
 * What is no row may be the deletion of one.
 *
 * @param open rows may be submitted
 * @throws {BatchFlowError} why it is not accepted, counted
 */
export function refuse(lane: Lane, row: Row, open: boolean, signal?: AbortSignal): void {
  if (!open || signal?.aborted || !isObject(row)) throw refusal(lane, row, open, signal)
  refuseDeletion(lane, row)
}

/** @throws {InvalidRowError} where a row is the deletion of one and the table takes none, or not this one; counted */
export function refuseDeletion(lane: Lane, row: Row): void {
  try {
    checkChange(lane.table, row)
  } catch (error) {
    lane.reject('invalid')
    throw error
  }
}

/** The row, or its key, throws as it is read. */
export function unreadable(lane: Lane, cause: unknown): InvalidRowError {
  lane.reject('invalid')
  return new InvalidRowError(`a row of table ${JSON.stringify(lane.table.name)} cannot be read`, { cause })
}
