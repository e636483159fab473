import { brand } from './brand.ts'

export type ErrorCode =
  | 'ERR_BATCHFLOW_OPTION'
  | 'ERR_BATCHFLOW_ROW'
  | 'ERR_BATCHFLOW_CLOSED'
  | 'ERR_BATCHFLOW_FULL'
  | 'ERR_BATCHFLOW_ABORTED'
  | 'ERR_BATCHFLOW_TIMEOUT'
  | 'ERR_BATCHFLOW_FENCED'
  | 'ERR_BATCHFLOW_COMPANION'
  | 'ERR_BATCHFLOW_CHECK'
  | 'ERR_BATCHFLOW_ROW_FAILED'
  | 'ERR_BATCHFLOW_ABANDONED'
  | 'ERR_BATCHFLOW_STREAM'
  | 'ERR_BATCHFLOW_PORT'
  | 'ERR_BATCHFLOW_DECODE'
  | 'ERR_BATCHFLOW_DEAD_LETTER_FILE'
  | 'ERR_BATCHFLOW_SPOOL'

/** Base of everything this package throws. `code` is stable; messages never contain a value of a row. */
export class BatchFlowError extends Error {
  static {
    brand(BatchFlowError, 'error')
  }

  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** An option is missing, of the wrong type or out of range. Thrown at construction. */
export class OptionError extends BatchFlowError {
  static {
    brand(OptionError, 'option-error')
  }

  constructor(message: string) {
    super('ERR_BATCHFLOW_OPTION', message)
  }
}
