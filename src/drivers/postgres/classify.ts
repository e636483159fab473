import { byNodeCode, byText, type TextTable } from '../../contract/error-recognition.ts'
import type { Classification, KnownReason } from '../../contract/reasons.ts'
import { classifyCompanion } from '../kit/companions.ts'
import { EncodeError } from '../kit/encode-error.ts'
import { endedTooEarly } from '../kit/ended.ts'
import { isServerError, sqlState } from './client.ts'

/**
 * Reasons by SQLSTATE, or by its class (the first two characters). The list of codes is PostgreSQL's Appendix A.
 * What the server aborts it has rolled back, so reasons whose outcome would be unknown elsewhere are not here:
 * the driver says so with each error (`AttemptError.ambiguous`).
 */
const BY_STATE: Readonly<Record<string, KnownReason>> = {
  '08': 'connection',
  '08P01': 'invalid_data', // bytes of a value that are not what the type takes
  '09': 'constraint', // a trigger objects
  '0A': 'non_retryable',
  '0L': 'permission',
  '0P': 'permission',
  '21': 'duplicate_key', // two rows of the batch met the same existing row
  '22': 'invalid_data',
  '23': 'constraint',
  23505: 'duplicate_key',
  '25': 'non_retryable',
  25006: 'read_only',
  '25P03': 'timeout',
  '25P04': 'timeout',
  26: 'non_retryable',
  27: 'constraint',
  28: 'permission',
  38: 'non_retryable',
  39: 'non_retryable',
  '3D': 'schema', // no such database
  '3F': 'schema', // no such schema
  40: 'deadlock',
  '40002': 'constraint',
  '40003': 'connection',
  42: 'syntax',
  42501: 'permission',
  42703: 'schema', // no such column
  '428C9': 'schema', // a generated column
  '42P01': 'schema', // no such table
  '42P10': 'schema', // no unique index for the conflict keys
  44: 'constraint', // WITH CHECK OPTION
  53: 'io', // memory, for the moment
  53100: 'out_of_space',
  53300: 'connection',
  53400: 'out_of_space',
  54: 'syntax', // too many columns, arguments, levels
  54000: 'invalid_data', // the row, or its index entry, is too big
  55: 'non_retryable',
  55006: 'lock_timeout',
  '55P03': 'lock_timeout',
  57: 'connection', // the server shuts down, starts up or recovers
  57014: 'timeout',
  '57P04': 'non_retryable', // the database was dropped
  58: 'io',
  P0: 'constraint', // RAISE in a function or trigger
  XX001: 'io',
  XX002: 'io',
}

/** A limit of one session or statement, such as the size of its temporary files. */
const LIMIT_EXCEEDED = '53400'

/** What `pg` and pg-pool say without any code. */
const BY_TEXT: TextTable = [
  [/query read timeout/i, 'timeout'],
  [/timeout exceeded when trying to connect|timeout expired|connection timeout/i, 'connection'],
  [/connection terminated|connection error|client was closed|connection ended/i, 'connection'],
  [/password|SASL|authentication|does not support SSL|SSL connection/i, 'permission'],
]

/** What pg-pool says when it was ended. */
const ENDED = /pool after calling end/i

/** Recognises what PostgreSQL, `pg`, pg-pool and this driver throw. */
export function classify(error: unknown): Classification | undefined {
  if (error instanceof EncodeError) return { reason: 'invalid_data' }
  if (!(error instanceof Error)) return undefined
  if (ENDED.test(error.message)) return endedTooEarly('the pool was ended')
  const companion = classifyCompanion(error, classify)
  if (companion !== undefined) return companion
  const state = sqlState(error)
  const reason = (state && byState(state)) ?? byNodeCode(error) ?? byText(BY_TEXT, error.message)
  if (reason === undefined) return isServerError(error) ? { reason: 'unknown', code: error.code } : undefined
  // What the server says of these names tables and columns, and holds no value.
  return {
    reason,
    ...(state === LIMIT_EXCEEDED && { outage: false }),
    ...(isServerError(error) && { code: error.code }),
    ...(reason === 'schema' && { detail: error.message }),
  }
}

function byState(state: string): KnownReason | undefined {
  return BY_STATE[state] ?? BY_STATE[state.slice(0, 2)]
}
