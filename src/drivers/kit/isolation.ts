import type { AttemptContext } from '../../contract/driver.ts'

/**
 * An attempt whose bad rows may be left out, so that the others are committed at once. Where the executor does not say so,
 * a batch with a bad row fails whole.
 */
export interface IsolatingContext extends AttemptContext {
  readonly isolate?: boolean
}
