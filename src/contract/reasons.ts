/**
 * The low-cardinality dictionary of failure reasons, shared by metrics, spans, logs and the retry policy.
 * `context`: the caller aborted. `processor_timeout`: our own time limit per attempt. `overflow`: the row was dropped to make
 * room for newer ones. `fenced`: the rows belong to a position that somebody else has moved. `schema`: the table is not as `defineTable` says: it, a column or the unique index of the keys is
 * missing, or a column is generated.
 */
export type KnownReason =
  | 'context'
  | 'processor_timeout'
  | 'overflow'
  | 'fenced'
  | 'duplicate_key'
  | 'constraint'
  | 'invalid_data'
  | 'deadlock'
  | 'lock_timeout'
  | 'timeout'
  | 'connection'
  | 'io'
  | 'schema'
  | 'syntax'
  | 'permission'
  | 'read_only'
  | 'out_of_space'
  | 'non_retryable'
  | 'unknown'

/** A known reason, or a label of the user's own from a `classify` hook (keep it low-cardinality). */
export type Reason = KnownReason | (string & {})

/** What to do about a failed attempt. Fields left out follow from the reason, see {@link traitsOf}. */
export interface Classification {
  readonly reason: Reason
  /** Another attempt may succeed. */
  readonly retryable?: boolean
  /** The database's own code (SQLSTATE, errno, error prefix), for spans and logs. */
  readonly code?: string | undefined
  /**
   * Whether the fault lies in single rows: then the batch is split until the bad rows stand alone. Left out where the error
   * does not tell: then the database is asked.
   */
  readonly isolate?: boolean
  /**
   * The database as a whole takes no batch now: rows wait for its return instead of using up attempts. Left out, that
   * follows from the reason and from how far the attempt came.
   */
  readonly outage?: boolean
  /** What the database said, for messages and logs; only where it can hold no value of a row. */
  readonly detail?: string | undefined
}

/** Looks at what a client threw; `undefined` passes the question on to the next classifier. */
export type Classifier = (error: unknown) => Classification | undefined

export interface Traits {
  readonly retryable: boolean
  /** `undefined`: the reason does not tell whether a row is at fault or the place. */
  readonly isolate: boolean | undefined
  /** Seen without further knowledge, the statement may or may not have been carried out. */
  readonly ambiguous: boolean
  /** It keeps every batch from the database, whatever its rows. */
  readonly outage?: boolean
}

const FINAL: Traits = { retryable: false, isolate: false, ambiguous: false }
const UNDECIDED: Traits = { retryable: false, isolate: undefined, ambiguous: false }
const BAD_ROW: Traits = { retryable: false, isolate: true, ambiguous: false }
const ROLLED_BACK: Traits = { retryable: true, isolate: false, ambiguous: false }
const OUTCOME_UNKNOWN: Traits = { retryable: true, isolate: false, ambiguous: true }

const TRAITS: Record<KnownReason, Traits> = {
  context: FINAL,
  processor_timeout: OUTCOME_UNKNOWN,
  overflow: FINAL,
  fenced: FINAL,
  duplicate_key: BAD_ROW,
  constraint: BAD_ROW,
  invalid_data: BAD_ROW,
  deadlock: ROLLED_BACK,
  lock_timeout: ROLLED_BACK,
  timeout: OUTCOME_UNKNOWN,
  connection: OUTCOME_UNKNOWN,
  io: OUTCOME_UNKNOWN,
  schema: UNDECIDED, // a trigger may miss a table for one value alone
  syntax: UNDECIDED,
  permission: UNDECIDED,
  read_only: { ...ROLLED_BACK, outage: true }, // a failover ends it: the next connection may reach the new primary
  out_of_space: { ...FINAL, outage: true },
  non_retryable: UNDECIDED,
  unknown: UNDECIDED,
}

/** The traits a reason has by itself; a label of the user's own has those of `unknown`. */
export function traitsOf(reason: Reason): Traits {
  return Object.hasOwn(TRAITS, reason) ? TRAITS[reason as KnownReason] : UNDECIDED
}

/** It took longer than it may, and with fewer rows may not. */
export function isTooLong(reason: Reason): boolean {
  return reason === 'processor_timeout' || reason === 'timeout'
}
