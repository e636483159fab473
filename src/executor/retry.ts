import { MAX_DELAY } from '../support/clock.ts'
import { integer, knownKeys, number, oneOf, withDefaults } from '../support/options.ts'

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

export const NO_RETRY: RetryPolicy = {
  maxAttempts: 1,
  backoffBase: 20,
  maxBackoff: 2000,
  jitter: 0.5,
  onAmbiguous: 'retry',
}

/** @throws {OptionError} */
export function retryPolicy(options: RetryOptions): RetryPolicy {
  knownKeys('withRetry', options, Object.keys(NO_RETRY))
  const policy = withDefaults(NO_RETRY, options)
  integer('withRetry: maxAttempts', policy.maxAttempts, 1)
  number('withRetry: backoffBase', policy.backoffBase, 0, MAX_DELAY)
  number('withRetry: maxBackoff', policy.maxBackoff, 0, MAX_DELAY)
  number('withRetry: jitter', policy.jitter, 0, 1)
  oneOf('withRetry: onAmbiguous', policy.onAmbiguous, ['retry', 'fail'])
  return policy
}

/** Milliseconds to wait after the failed attempt number `attempt` (from 1). */
export function backoff(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const full = Math.min(policy.maxBackoff, policy.backoffBase * 2 ** (attempt - 1))
  return full * (1 - policy.jitter * random())
}
