import type { Fence } from '../contract/driver.ts'
import type { Clock } from '../support/clock.ts'
import { logError } from '../support/guard.ts'
import type { Verdict } from './classify.ts'
import type { Passage } from './passage.ts'
import type { Pause } from './pause.ts'
import { backoff, type RetryPolicy } from './retry.ts'
import { timed } from './time-limit.ts'

/** How long one try may take, in ms, whatever the time limit of an attempt. */
const PATIENCE = 5000
/** How long rows wait for an attempt to be ended where they do not wait for outages, in ms. */
const WITHOUT_OUTAGES = 300_000

export interface FencingOptions {
  readonly clock: Clock
  readonly retry: RetryPolicy
  /** ms for one attempt, 0 = none */
  readonly timeout: number
  readonly passage: Passage
  readonly pause: Pause
  judge(error: unknown): Verdict
}

/** Ends attempts that were given up, so that they take no effect when their rows and keys have gone on. */
export class Fencing {
  readonly #options: FencingOptions
  readonly #most: number
  #controller: AbortController | undefined
  #stopped = false

  constructor(options: FencingOptions) {
    this.#options = options
    this.#most = options.retry.maxOutage === 0 ? WITHOUT_OUTAGES : options.retry.maxOutage
  }

  stop(): void {
    this.#stopped = true
    this.#controller?.abort(new Error('stopped'))
  }

  /**
   * Never rejects. False: an attempt may still take effect, however long that was waited for.
   *
   * @param metOutage called when the database turns out to be away
   */
  async set(verdicts: readonly Verdict[], metOutage: () => void): Promise<boolean> {
    const fences = new Set(verdicts.flatMap(({ fence }) => fence ?? []))
    const meanwhile = 'an attempt that was given up cannot be ended yet, so its rows wait'
    for (const fence of fences) if (!(await this.insist(fence, meanwhile, metOutage))) return false
    return true
  }

  /**
   * Has `act` done, however often it takes, through outages too. Never rejects. False: it could not be, however long that was
   * waited for.
   *
   * @param meanwhile said when it fails at first
   */
  async insist(act: Fence, meanwhile: string, metOutage: () => void): Promise<boolean> {
    const { clock, retry, passage, pause } = this.#options
    const end = clock.now() + this.#most
    for (let tries = 1; !this.#stopped; tries++) {
      if (passage.isBarred && (await passage.wait()) !== undefined) return false
      const error = await this.#try(act)
      if (error === undefined) return true
      if (tries === 1) logError(meanwhile, error)
      if (this.#stopped || clock.now() >= end) return false
      if (await this.#isAway(error)) metOutage()
      else await pause.take(backoff(retry, tries))
    }
    return false
  }

  /** Tells the gate what the failed try says of the database. */
  async #isAway(error: unknown): Promise<boolean> {
    const { retry, passage, judge } = this.#options
    const verdict = judge(error)
    const isAway = passage.isAway(verdict) || (retry.maxOutage > 0 && !(await passage.isReachable()))
    if (isAway) passage.refused({ ...verdict, unsent: true })
    else passage.reached()
    return isAway
  }

  /** Resolves with what went wrong. */
  async #try(act: Fence): Promise<unknown> {
    const { clock, timeout, passage } = this.#options
    this.#controller = new AbortController()
    try {
      const milliseconds = timeout === 0 ? PATIENCE : Math.min(timeout, PATIENCE)
      await timed(act, { clock, milliseconds, controller: this.#controller })
      passage.reached()
      return undefined
    } catch (error) {
      return error ?? new Error('it failed without an error')
    }
  }
}
