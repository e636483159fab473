import type { Reason } from './reasons.ts'

export type ErrorCode =
  | 'ERR_BATCHFLOW_OPTION'
  | 'ERR_BATCHFLOW_ROW'
  | 'ERR_BATCHFLOW_CLOSED'
  | 'ERR_BATCHFLOW_ABORTED'
  | 'ERR_BATCHFLOW_TIMEOUT'
  | 'ERR_BATCHFLOW_ROW_FAILED'
  | 'ERR_BATCHFLOW_ABANDONED'
  | 'ERR_BATCHFLOW_STREAM'
  | 'ERR_BATCHFLOW_PORT'

/** `1 row`, `2 rows` */
export function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`
}

/** Base of everything this package throws. `code` is stable; messages never contain a value of a row. */
export class BatchFlowError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** An option is missing, of the wrong type or out of range. Thrown at construction. */
export class OptionError extends BatchFlowError {
  constructor(message: string) {
    super('ERR_BATCHFLOW_OPTION', message)
  }
}

/** What was submitted is not a row at all, or cannot be read (then `cause` says why); it was not accepted. */
export class InvalidRowError extends BatchFlowError {
  constructor(message: string, options?: ErrorOptions) {
    super('ERR_BATCHFLOW_ROW', message, options)
  }
}

/** The flow is closing or closed; the row was not accepted. */
export class ClosedError extends BatchFlowError {
  constructor(message = 'this BatchFlow is closed: submit rows before close(), or make a new BatchFlow') {
    super('ERR_BATCHFLOW_CLOSED', message)
  }
}

/** The caller's signal was aborted; `cause` is its reason. */
export class AbortedError extends BatchFlowError {
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
  readonly reason: Reason = 'processor_timeout'

  constructor(milliseconds: number) {
    super('ERR_BATCHFLOW_TIMEOUT', `attempt exceeded withTimeout(${milliseconds}) and was cancelled`)
  }
}

/** A row that was accepted failed for good. `cause` is what the database or its client said. */
export class RowFailedError extends BatchFlowError {
  readonly table: string
  readonly reason: Reason
  /** Attempts made with this row, the last included; 0 when it never reached the driver. */
  readonly attempts: number
  /** The database's own code (SQLSTATE, errno, error prefix), where it gave one. */
  readonly databaseCode: string | undefined

  constructor(table: string, reason: Reason, attempts: number, cause: unknown, databaseCode?: string) {
    const why = databaseCode === undefined ? reason : `${reason} (${databaseCode})`
    super(
      'ERR_BATCHFLOW_ROW_FAILED',
      `row of table ${JSON.stringify(table)} failed after ${counted(attempts, 'attempt')}: ${why}`,
      { cause },
    )
    this.databaseCode = databaseCode
    this.table = table
    this.reason = reason
    this.attempts = attempts
  }
}

/** `close()` ran out of time before the row was settled; it is among the rows `close()` returned. */
export class AbandonedError extends BatchFlowError {
  constructor(milliseconds: number) {
    super(
      'ERR_BATCHFLOW_ABANDONED',
      `row was not settled within close({ timeout: ${milliseconds} }); it is in abandonedRows of the summary`,
    )
  }
}

/** Rows written to `flow.writable()` failed; `cause` is the first one's error. */
export class StreamFailedError extends BatchFlowError {
  readonly failed: number

  constructor(table: string, failed: number, cause: unknown) {
    super(
      'ERR_BATCHFLOW_STREAM',
      `${counted(failed, 'row')} written to the stream of table ${JSON.stringify(table)} failed`,
      {
        cause,
      },
    )
    this.failed = failed
  }
}
