import { BatchFlowError } from '../support/batchflow-error.ts'
import { brand } from '../support/brand.ts'

/**
 * A file of dead letters cannot be written, read or replayed; where the system refused it, `cause` is the system's error,
 * whose `code` says why (`ENOSPC`, `EACCES`).
 */
export class DeadLetterFileError extends BatchFlowError {
  static {
    brand(DeadLetterFileError, 'dead-letter-file-error')
  }

  /** The file that letters are appended to. */
  readonly path: string

  constructor(path: string, message: string, options?: ErrorOptions) {
    super('ERR_BATCHFLOW_DEAD_LETTER_FILE', message, options)
    this.path = path
  }
}

/** What this package throws says enough. @param doing what failed: `cannot write dead letters to` */
export function fileError(path: string, doing: string, cause: unknown): BatchFlowError {
  if (cause instanceof BatchFlowError) return cause
  const why = codeOf(cause) ?? (cause instanceof Error ? cause.message : String(cause))
  return new DeadLetterFileError(path, `${doing} ${path}: ${why}`, { cause })
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/** What `act` gives, or `undefined` where there is no such file. */
export async function ifThere<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
