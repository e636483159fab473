import type { Fence } from '../contract/driver.ts'
import type { Clock } from '../support/clock.ts'
import { logError } from '../support/guard.ts'
import type { Verdict } from './classify.ts'
import { backoff, type RetryPolicy } from './retry.ts'
import { timed } from './time-limit.ts'

/** How long rows wait for an attempt that was given up to be ended, in ms: as long as an outage may last. */
const MAX_OUTAGE = 300_000

/** Ends attempts that were given up, so that they take no effect when their rows and keys have gone on. */
export class Fencing {
  readonly #clock: Clock
  readonly #retry: RetryPolicy
  readonly #timeout: number
  #controller: AbortController | undefined
  #stopped = false

  /** @param timeout ms for one try, 0 = none */
  constructor(clock: Clock, retry: RetryPolicy, timeout: number) {
    this.#clock = clock
    this.#retry = retry
    this.#timeout = timeout
  }

  stop(): void {
    this.#stopped = true
    this.#controller?.abort(new Error('stopped'))
  }

  /** Never rejects. Calls `pause` between tries. */
  async set(verdicts: readonly Verdict[], pause: (milliseconds: number) => Promise<void>): Promise<void> {
    const fences = new Set(verdicts.flatMap(({ fence }) => fence ?? []))
    for (const fence of fences) {
      const end = this.#clock.now() + MAX_OUTAGE
      for (let tries = 1; !this.#stopped && this.#clock.now() < end; tries++) {
        if (await this.#try(fence, tries === 1)) break
        await pause(backoff(this.#retry, tries))
      }
    }
  }

  async #try(fence: Fence, isFirst: boolean): Promise<boolean> {
    this.#controller = new AbortController()
    try {
      await timed(fence, { clock: this.#clock, milliseconds: this.#timeout, controller: this.#controller })
      return true
    } catch (error) {
      if (isFirst) logError('an attempt that was given up cannot be ended yet, so its rows wait', error)
      return false
    }
  }
}
