import { diag } from '@opentelemetry/api'
import { AttemptError, type Driver } from '../contract/driver.ts'
import { AbandonedError, AbortedError, AttemptTimeoutError } from '../contract/errors.ts'
import { type Classification, type Classifier, type Reason, traitsOf } from '../contract/reasons.ts'
import { registeredClassifiers } from './classifiers.ts'

/** What a failed attempt means for its rows. */
export interface Verdict {
  readonly reason: Reason
  readonly code: string | undefined
  /** What the client threw. */
  readonly cause: unknown
  readonly retryable: boolean
  readonly isolate: boolean
  readonly ambiguous: boolean
  /** The one row at fault, if known. */
  readonly rowIndex: number | undefined
  readonly stale: boolean
}

/** Asks, in this order: the executor's hook, those registered, what we threw ourselves, the driver. */
export function judge(error: unknown, hook: Classifier | undefined, driver: Driver): Verdict {
  const known = error instanceof AttemptError ? error : undefined
  const cause = known === undefined ? error : known.cause
  const found: Classification = ask(hook, cause) ??
    askAll(registeredClassifiers(), cause) ??
    ourOwn(cause) ??
    ask((thrown) => driver.classify(thrown), cause) ?? { reason: 'unknown' }
  const traits = traitsOf(found.reason)
  return {
    reason: found.reason,
    code: found.code,
    cause,
    retryable: found.retryable ?? traits.retryable,
    isolate: found.isolate ?? (traits.isolate || known?.rowIndex !== undefined),
    ambiguous: known?.ambiguous ?? traits.ambiguous,
    rowIndex: known?.rowIndex,
    stale: known?.stale ?? false,
  }
}

function ourOwn(cause: unknown): Classification | undefined {
  if (cause instanceof AttemptTimeoutError) return { reason: cause.reason }
  if (cause instanceof AbortedError || cause instanceof AbandonedError) return { reason: 'context' }
  return undefined
}

function askAll(classifiers: readonly Classifier[], cause: unknown): Classification | undefined {
  for (const classifier of classifiers) {
    const found = ask(classifier, cause)
    if (found !== undefined) return found
  }
  return undefined
}

/** A classifier that throws has no say. */
function ask(classifier: Classifier | undefined, cause: unknown): Classification | undefined {
  try {
    return classifier?.(cause)
  } catch (error) {
    diag.error('batchflow-otel: an error classifier threw; the next one decides', error)
    return undefined
  }
}
