import { AttemptError, type Driver, type Fence, type RowFailure } from '../contract/driver.ts'
import { byNodeCode, byText, type TextTable } from '../contract/error-recognition.ts'
import { AbandonedError, AbortedError, AttemptTimeoutError, FencedError, TableCheckError } from '../contract/errors.ts'
import { type Classification, type Classifier, type Reason, traitsOf } from '../contract/reasons.ts'
import { OptionError } from '../support/batchflow-error.ts'
import { logError } from '../support/guard.ts'
import { show } from '../support/validate.ts'

/** One list per process: the CommonJS and the ESM copy of this package share it. */
const KEY = Symbol.for('batchflow-otel.classifiers.1')
const globals = globalThis as { [KEY]?: Set<Classifier> }
globals[KEY] ??= new Set()
const registered: Set<Classifier> = globals[KEY]

/**
 * Teaches every executor of this process to recognise an error, for a proxy or an extension with codes of its own. Asked
 * after the executor's own `withErrorClassifier` and before the driver; the one registered last comes first.
 *
 * @returns takes it back
 */
export function registerErrorClassifier(classify: Classifier): () => void {
  // A function of its own, so that registering one classifier twice and taking it back once leaves one.
  const entry: Classifier = (error) => classify(error)
  registered.add(entry)
  return () => void registered.delete(entry)
}

/** What a failed attempt means for its rows. */
export interface Verdict {
  readonly reason: Reason
  readonly code: string | undefined
  /** What the client threw. */
  readonly cause: unknown
  readonly retryable: boolean
  /** `undefined`: whether a row is at fault or the place is still to be found out. */
  readonly isolate: boolean | undefined
  readonly ambiguous: boolean
  /** The one row at fault, if known. */
  readonly rowIndex: number | undefined
  readonly stale: boolean
  readonly fence: Fence | undefined
  readonly detail: string | undefined
  /** The database as a whole takes no batch now. */
  readonly outage: boolean
  /** No row was sent, so that none is quoted in what was thrown. */
  readonly unsent: boolean
  /** Rows that were left out, should it have been carried out; `undefined`: that is not known. */
  readonly refused: readonly RowFailure[] | undefined
}

/** What may be told of it: a server that refuses a batch may be made to quote a row, by a trigger or a script. */
export function wordsOf({ unsent, cause, detail = '' }: Verdict): string {
  if (!unsent) return detail
  return cause instanceof Error ? cause.message : String(cause)
}

/** Asks, in this order: the executor's hook, those registered, what we threw ourselves, the driver. */
export function judge(error: unknown, hook: Classifier | undefined, driver: Driver): Verdict {
  const known = error instanceof AttemptError ? error : undefined
  const cause = known === undefined ? error : known.cause
  const found: Classification =
    ask(hook, cause) ??
    askAll([...registered].reverse(), cause) ??
    ourOwn(cause) ??
    ask((thrown) => driver.classify?.(thrown), cause) ??
    recognise(cause)
  const traits = traitsOf(found.reason)
  const ambiguous = known?.ambiguous ?? traits.ambiguous
  return {
    reason: found.reason,
    code: found.code,
    cause,
    retryable: found.retryable ?? traits.retryable,
    isolate: found.isolate ?? (known?.fault === undefined ? traits.isolate : known.fault === 'row'),
    ambiguous,
    rowIndex: known?.rowIndex,
    stale: known?.stale ?? false,
    fence: known?.fence,
    detail: found.detail,
    outage: !ambiguous && (found.outage ?? (traits.outage === true || isOutOfReach(found.reason, known, driver))),
    unsent: known?.unreachable ?? false,
    refused: known?.refused,
  }
}

/** Nothing came of these, and nothing will. */
const OF_OURSELVES: ReadonlySet<Reason> = new Set(['non_retryable', 'context'])

/** A connection that was lost is the trouble of that connection, until another cannot be had. */
function isOutOfReach(reason: Reason, known: AttemptError | undefined, driver: Driver): boolean {
  if (known?.unreachable) return !OF_OURSELVES.has(reason) && !(known.cause instanceof OptionError)
  return reason === 'connection' && driver.ping === undefined
}

/** The attempt got no answer, or lost its connection: an outage may begin so. */
export function isLoss({ ambiguous, reason, outage }: Verdict): boolean {
  return ambiguous || (reason === 'connection' && !outage)
}

function ourOwn(cause: unknown): Classification | undefined {
  if (cause instanceof AttemptTimeoutError || cause instanceof FencedError) return { reason: cause.reason }
  if (cause instanceof TableCheckError) return { reason: cause.reason, isolate: false, detail: cause.message }
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

/** A classifier that throws, or says nonsense, has no say. */
function ask(classifier: Classifier | undefined, cause: unknown): Classification | undefined {
  try {
    const found: unknown = classifier?.(cause)
    if (found === undefined || isClassification(found)) return found
    throw new TypeError(`a classifier must return an object with a reason, or undefined, received ${show(found)}`)
  } catch (error) {
    logError('an error classifier threw; the next one decides', error)
    return undefined
  }
}

function isClassification(found: unknown): found is Classification {
  if (typeof found !== 'object' || found === null) return false
  const reason: unknown = Reflect.get(found, 'reason')
  return typeof reason === 'string' && /\S/.test(reason)
}

/** What clients of all kinds say without any code. */
const COMMON: TextTable = [
  [
    /connection (?:\w+ )?(?:closed|lost|terminated|reset|refused|ended)|socket (?:closed|hang up)|not connected/i,
    'connection',
  ],
  [/timed? ?out|timeout/i, 'timeout'],
  [/duplicate key|unique constraint|already exists/i, 'duplicate_key'],
  [/deadlock/i, 'deadlock'],
  [/permission denied|access denied|not authori[sz]ed|authentication failed/i, 'permission'],
]

/** The last resort: for drivers without a classifier, and for what theirs does not know. */
function recognise(cause: unknown): Classification {
  if (!(cause instanceof Error)) return { reason: 'unknown' }
  return { reason: byNodeCode(cause) ?? byText(COMMON, cause.message) ?? 'unknown' }
}
