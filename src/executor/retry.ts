import { MAX_DELAY } from '../support/clock.ts'
import { integer, number, type OptionsOf, oneOf, optional, parse, required } from '../support/validate.ts'

export interface RetryOptions {
  /** Attempts in all, the first included. Minimum 1. */
  readonly maxAttempts: number
  /** Pause before the second attempt, in ms; doubles with every further one. @default 20 */
  readonly backoffBase?: number
  /** Longest pause, in ms. @default 2000 */
  readonly maxBackoff?: number
  /** Share of each pause that is random, 0 to 1, so that flows do not retry in step. @default 0.5 */
  readonly jitter?: number
  /**
   * What to do with a plain insert when the connection was lost after the statement had been sent, so that nobody knows
   * whether it was carried out: `retry` may write rows twice (at least once), `fail` may report rows as failed that are
   * there (at most once). Writes with a conflict action are idempotent and always retried. @default 'retry'
   */
  readonly onAmbiguous?: 'retry' | 'fail'
}

/** {@link RetryOptions} after validation. */
export type RetryPolicy = Required<RetryOptions>

const RETRY = {
  maxAttempts: required(integer(1)),
  backoffBase: optional(number(0, MAX_DELAY), 20),
  maxBackoff: optional(number(0, MAX_DELAY), 2000),
  jitter: optional(number(0, 1), 0.5),
  onAmbiguous: optional(oneOf('retry', 'fail'), 'retry'),
} satisfies OptionsOf<RetryOptions>

export const NO_RETRY = retryPolicy({ maxAttempts: 1 })

/** @throws {OptionError} */
export function retryPolicy(options: RetryOptions): RetryPolicy {
  return parse('withRetry', RETRY, options)
}

/** Milliseconds to wait after the failed attempt number `attempt` (from 1). */
export function backoff(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const full = Math.min(policy.maxBackoff, policy.backoffBase * 2 ** (attempt - 1))
  return full * (1 - policy.jitter * random())
}
