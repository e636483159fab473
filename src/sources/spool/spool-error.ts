import { BatchFlowError } from '../../support/batchflow-error.ts'
import { brand } from '../../support/brand.ts'
import { resultOf } from './client.ts'

/**
 * - `locked`: another process, or another connection of this one, has the spool open.
 * - `full`: its `maxFileBytes` are taken; nothing more is accepted until rows have left it.
 * - `out_of_space`: the disk is full.
 * - `io`: the disk failed; the rows may be in the file nevertheless.
 * - `corrupt`: the file is damaged, or no SQLite database at all.
 * - `foreign`: a database with tables that are not the spool's, or a spool of a later version.
 * - `partitions`: it holds rows in another number of partitions.
 * - `outdated`: the database has a position this file has not come to: an old copy of the spool was put back.
 * - `deferred`: the spool was closed before the database had the row. It is stored, and written after the next start.
 * - `unknown`: anything else the client threw; it is the `cause`.
 */
export type SpoolReason =
  | 'locked'
  | 'full'
  | 'out_of_space'
  | 'io'
  | 'corrupt'
  | 'foreign'
  | 'partitions'
  | 'outdated'
  | 'deferred'
  | 'unknown'

/** The local spool did not take a row, or could not be opened or read. `cause` is what SQLite or Node said. */
export class SpoolError extends BatchFlowError {
  static {
    brand(SpoolError, 'spool-error')
  }

  readonly reason: SpoolReason

  constructor(reason: SpoolReason, message: string, options?: ErrorOptions) {
    super('ERR_BATCHFLOW_SPOOL', message, options)
    this.reason = reason
  }
}

const ADVICE: Readonly<Record<string, readonly [SpoolReason, string]>> = {
  SQLITE_BUSY: [
    'locked',
    'it is open elsewhere: a spool has one process, stop the other one or give this one a file of its own',
  ],
  SQLITE_LOCKED: ['locked', 'another statement uses it: give the spool a connection of its own'],
  SQLITE_READONLY: ['io', 'it is read-only: the process needs the right to write the file and its folder'],
  SQLITE_IOERR: ['io', 'the disk failed'],
  SQLITE_CORRUPT: [
    'corrupt',
    'the file is damaged: move it away, what is in it may be saved with the `.recover` of the sqlite3 shell',
  ],
  SQLITE_FULL: ['out_of_space', 'the disk is full: make room, then hand the rows over again'],
  SQLITE_CANTOPEN: ['io', 'the file cannot be opened: see that its folder is there and may be written to'],
  SQLITE_NOTADB: ['corrupt', 'the file is no SQLite database: move it away, or give the spool another path'],
}

/** @param doing what was not done: `rows were not accepted` */
export function spoolErrorOf(doing: string, error: unknown): SpoolError {
  if (error instanceof SpoolError) return error
  const [reason, advice] = ADVICE[resultOf(error) ?? ''] ?? (isNoSpace(error) ? ADVICE['SQLITE_FULL']! : UNKNOWN)
  return new SpoolError(reason, `spool: ${doing}: ${advice}`, { cause: error })
}

const UNKNOWN: readonly [SpoolReason, string] = ['unknown', 'see the cause']

/** As Node says it. */
function isNoSpace(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === 'ENOSPC'
}

/** What `act` returns. @throws {SpoolError} in place of what SQLite says */
export function told<T>(doing: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw spoolErrorOf(doing, error)
  }
}
