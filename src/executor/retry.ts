import { MAX_DELAY } from '../support/clock.ts'
import { type Check, integer, number, type OptionsOf, oneOf, optional, parse } from '../support/validate.ts'
import type { Verdict } from './classify.ts'
import type { Part } from './part.ts'

export interface RetryOptions {
  /** Attempts in all, the first included. Those that an outage stopped do not count. `Infinity` is allowed. Minimum 1. @default 5 */
  readonly maxAttempts?: number
  /** Longest pause before the second attempt, in ms; doubles with every further one. @default 20 */
  readonly backoffBase?: number
  /** Longest pause of all, in ms; in an outage, the longest time between two looks at the database. @default 1000 */
  readonly maxBackoff?: number
  /** Share of each pause that is random, 0 to 1, so that flows do not retry in step. @default 1 */
  readonly jitter?: number
  /**
   * How long rows wait for a database that takes no batch at all (it cannot be reached or logged in to, is read-only, out
   * of space), in ms. When an outage has lasted so long, rows are given up, oldest first. `Infinity` is allowed; with 0
   * outages use up attempts like any other fault. @default 300_000
   */
  readonly maxOutage?: number
  /**
   * What to do with a plain insert, or an update that adds, when the connection was lost after the statement had been sent, so that nobody knows
   * whether it was carried out: `retry` may write rows twice (at least once), `fail` may report rows as failed that are
   * there (at most once), `verify` finds out (exactly once): every batch commits a token of its own in a table beside those
   * that are written, and after such a loss the database is asked for it. Needs a database with transactions. Other writes
   * with a conflict action are idempotent and always retried. @default 'retry'
   */
  readonly onAmbiguous?: 'retry' | 'fail' | 'verify'
}

/** {@link RetryOptions} after validation. */
export type RetryPolicy = Required<RetryOptions>

const attempts: Check<number> = (name, value) => (value === Number.POSITIVE_INFINITY ? value : integer(1)(name, value))

const RETRY = {
  maxAttempts: optional(attempts, 5),
  backoffBase: optional(number(0, MAX_DELAY), 20),
  maxBackoff: optional(number(0, MAX_DELAY), 1000),
  jitter: optional(number(0, 1), 1),
  maxOutage: optional(number(0, Number.POSITIVE_INFINITY), 300_000),
  onAmbiguous: optional(oneOf('retry', 'fail', 'verify'), 'retry'),
} satisfies OptionsOf<RetryOptions>

/**
 * @param options `false`: one attempt, and no waiting for a database that is away
 * @throws {OptionError}
 */
export function retryPolicy(options: RetryOptions | false = {}): RetryPolicy {
  return parse('withRetry', RETRY, options === false ? { maxAttempts: 1, maxOutage: 0 } : options)
}

/** Milliseconds to wait after the failed attempt number `attempt` (from 1). */
export function backoff(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const full = Math.min(policy.maxBackoff, policy.backoffBase * 2 ** Math.min(attempt - 1, 31))
  return full * (1 - policy.jitter * random())
}

/** Another attempt at the rows of `part` may succeed, and does what the caller wants if it does. */
export function mayRetry(policy: RetryPolicy, part: Part, verdict: Verdict): boolean {
  return verdict.retryable && part.charged < policy.maxAttempts && mayRepeat(policy, part, verdict)
}

/** The rows may be sent again, though they may be in the table. */
export function mayRepeat({ maxAttempts, onAmbiguous }: RetryPolicy, part: Part, { ambiguous }: Verdict): boolean {
  return maxAttempts > 1 && (!ambiguous || onAmbiguous !== 'fail' || part.isIdempotent)
}

/** Retries that may follow each other at once, and how many batches it takes to earn another. */
const MOST_RETRIES = 20
const PER_RETRY = 10

/**
 * Keeps passing faults, such as deadlocks, from feeding themselves: when retries outweigh successes, each waits for the
 * longest pause. Nothing is given up for it.
 */
export class RetryBudget {
  #left = MOST_RETRIES * PER_RETRY

  /** A batch was committed. */
  earn(): void {
    if (this.#left < MOST_RETRIES * PER_RETRY) this.#left++
  }

  /** Takes one retry. False: there is none left. */
  spend(): boolean {
    if (this.#left < PER_RETRY) return false
    this.#left -= PER_RETRY
    return true
  }
}
