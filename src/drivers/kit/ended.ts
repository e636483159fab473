import type { Classification } from '../../contract/reasons.ts'

/**
 * The application has ended its client while rows were still to be written; no attempt will reach the database any more.
 *
 * @param what `the pool was ended`, and the like
 */
export function endedTooEarly(what: string): Classification {
  return { reason: 'non_retryable', isolate: false, detail: `${what} before flow.close()` }
}
