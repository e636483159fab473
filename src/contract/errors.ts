import { BatchFlowError } from '../support/batchflow-error.ts'
import { brand } from '../support/brand.ts'
import { counted } from '../support/text.ts'
import type { Reason } from './reasons.ts'
import type { Finding } from './table-facts.ts'

/** What was submitted is not a row at all, or cannot be read (then `cause` says why); it was not accepted. */
export class InvalidRowError extends BatchFlowError {
  static {
    brand(InvalidRowError, 'invalid-row-error')
  }

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_BATCHFLOW_ROW', message, options)
  }
}

/** The flow is closing or closed; the row was not accepted. */
export class ClosedError extends BatchFlowError {
  static {
    brand(ClosedError, 'closed-error')
  }

  constructor(message = 'this BatchFlow is closed: submit rows before close(), or make a new BatchFlow') {
    super('ERR_BATCHFLOW_CLOSED', message)
  }
}

/** The buffer is full, and the flow was made with `overflow: 'reject'`; the row was not accepted. */
export class FullError extends BatchFlowError {
  static {
    brand(FullError, 'full-error')
  }

  readonly table: string
  /** Most rows the flow holds. */
  readonly bufferSize: number
  /** Most bytes they may take. */
  readonly bufferBytes: number

  constructor(table: string, bufferSize: number, bufferBytes: number) {
    const full = `the buffer is full (bufferSize ${bufferSize}, bufferBytes ${bufferBytes})`
    super('ERR_BATCHFLOW_FULL', `${full}: a row of table ${JSON.stringify(table)} was not accepted`)
    this.table = table
    this.bufferSize = bufferSize
    this.bufferBytes = bufferBytes
  }
}

/** The caller's signal was aborted; `cause` is its reason. */
export class AbortedError extends BatchFlowError {
  static {
    brand(AbortedError, 'aborted-error')
  }

  readonly reason: Reason = 'context'
  /** True when the row had been accepted: it will still be settled, only this promise ends early. */
  readonly accepted: boolean

  constructor(message: string, cause: unknown, accepted = false) {
    super('ERR_BATCHFLOW_ABORTED', message, { cause })
    this.accepted = accepted
  }
}

/** An attempt took longer than the executor's `withTimeout`. */
export class AttemptTimeoutError extends BatchFlowError {
  static {
    brand(AttemptTimeoutError, 'attempt-timeout-error')
  }

  readonly reason: Reason = 'processor_timeout'

  constructor(milliseconds: number) {
    super('ERR_BATCHFLOW_TIMEOUT', `attempt exceeded withTimeout(${milliseconds}) and was cancelled`)
  }
}

/**
 * Somebody else has moved the position a batch was to move: nothing of the batch was committed. Whoever meets it owns the
 * partition no longer, or has read it twice.
 */
export class FencedError extends BatchFlowError {
  static {
    brand(FencedError, 'fenced-error')
  }

  readonly reason: Reason = 'fenced'
  /** Whose position it is. */
  readonly scope: string

  constructor(scope: string, options?: ErrorOptions) {
    const message = `the position of ${JSON.stringify(scope)} was moved by somebody else; nothing was written: read it again`
    super('ERR_BATCHFLOW_FENCED', message, options)
    this.scope = scope
  }
}

/**
 * The database refused what was to be committed together with a batch: a table of our own is missing, or a right to it. The
 * message says what to run; `cause` is what the database said. Nothing of the batch was written.
 */
export class CompanionError extends BatchFlowError {
  static {
    brand(CompanionError, 'companion-error')
  }

  constructor(message: string, options?: ErrorOptions) {
    super('ERR_BATCHFLOW_COMPANION', message, options)
  }
}

/** The database has no table that fits what `defineTable` says. The message names everything that is wrong, and what to do. */
export class TableCheckError extends BatchFlowError {
  static {
    brand(TableCheckError, 'table-check-error')
  }

  readonly reason: Reason = 'schema'
  readonly table: string
  /** Everything that was looked at. */
  readonly findings: readonly Finding[]
  /** Those of them that are wrong. */
  readonly problems: readonly Finding[]

  constructor(table: string, findings: readonly Finding[]) {
    const problems = findings.filter(({ ok }) => ok === false)
    const told = problems.map(({ text, remedy }) => (remedy === undefined ? text : `${text} (${remedy})`))
    super('ERR_BATCHFLOW_CHECK', `table ${JSON.stringify(table)} cannot be written to as defined: ${told.join('; ')}`)
    this.table = table
    this.findings = findings
    this.problems = problems
  }
}

/** Why a row failed, for {@link RowFailedError}. */
export interface RowFailedDetails {
  readonly reason: Reason
  readonly attempts: number
  readonly cause: unknown
  readonly databaseCode?: string | undefined
  readonly fault: 'row' | 'place'
  readonly ambiguous: boolean
  /** What the database said, where that holds no value of a row. */
  readonly detail?: string | undefined
}

/** A row that was accepted failed for good. `cause` is what the database or its client said. */
export class RowFailedError extends BatchFlowError {
  static {
    brand(RowFailedError, 'row-failed-error')
  }

  readonly table: string
  readonly reason: Reason
  /** Attempts made with this row, the last included; 0 when it never reached the driver. */
  readonly attempts: number
  /** The database's own code (SQLSTATE, errno, error prefix), where it gave one. */
  readonly databaseCode: string | undefined
  /** Whether the database refused the row, or no row could be written: the table, a right or the connection was missing. */
  readonly fault: 'row' | 'place'
  /** The row may be in the table after all: an attempt with it ended without anybody learning its outcome. */
  readonly ambiguous: boolean

  constructor(table: string, { reason, attempts, cause, databaseCode, fault, ambiguous, detail }: RowFailedDetails) {
    const why = databaseCode === undefined ? reason : `${reason} (${databaseCode})`
    const after = `row of table ${JSON.stringify(table)} failed after ${counted(attempts, 'attempt')}: ${why}`
    const more = [detail ?? '', ambiguous ? 'it may have been written nevertheless' : ''].filter((text) => text !== '')
    super('ERR_BATCHFLOW_ROW_FAILED', [after, ...more].join('; '), { cause })
    this.databaseCode = databaseCode
    this.table = table
    this.reason = reason
    this.attempts = attempts
    this.fault = fault
    this.ambiguous = ambiguous
  }
}

/**
 * `close()` ran out of time before the row was settled; it is among the rows `close()` returned. Where a `deadLetter` handler
 * took the row instead, this is the `cause` of its `RowFailedError`.
 */
export class AbandonedError extends BatchFlowError {
  static {
    brand(AbandonedError, 'abandoned-error')
  }

  constructor(milliseconds: number) {
    super(
      'ERR_BATCHFLOW_ABANDONED',
      `row was not settled within close({ timeout: ${milliseconds} }); ` +
        'unless the deadLetter handler took it, it is in abandonedRows of the summary',
    )
  }
}

/** Rows written to `flow.writable()` failed; `cause` is the first one's error. */
export class StreamFailedError extends BatchFlowError {
  static {
    brand(StreamFailedError, 'stream-failed-error')
  }

  readonly failed: number

  constructor(table: string, failed: number, cause: unknown) {
    super(
      'ERR_BATCHFLOW_STREAM',
      `${counted(failed, 'row')} written to the stream of table ${JSON.stringify(table)} failed`,
      { cause },
    )
    this.failed = failed
  }
}
