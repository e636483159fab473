import { AttemptError } from '../../contract/driver.ts'

/** The failure of an attempt that has changed nothing, and will not: nothing was sent, or the server took all of it back. */
export function withoutEffect(cause: unknown): AttemptError {
  return cause instanceof AttemptError ? cause : new AttemptError(cause, { ambiguous: false })
}
