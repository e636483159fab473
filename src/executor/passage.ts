import type { Clock } from '../support/clock.ts'
import type { Verdict } from './classify.ts'
import type { Gate, Waiting } from './outage.ts'
import type { Pause } from './pause.ts'
import { backoff, type RetryPolicy } from './retry.ts'

/** One batch before the gate of its executor. */
export class Passage implements Waiting {
  readonly clock: Clock
  readonly #gate: Gate
  readonly #retry: RetryPolicy
  readonly #pause: Pause
  #settle: ((overdue?: Verdict) => void) | undefined
  /** The database takes other batches and not this one: since when, and how often that was seen. */
  #alone: { readonly since: number; times: number; verdict: Verdict } | undefined

  constructor(gate: Gate, clock: Clock, retry: RetryPolicy, pause: Pause) {
    this.clock = clock
    this.#gate = gate
    this.#retry = retry
    this.#pause = pause
  }

  /** An attempt now would be in vain. */
  get isBarred(): boolean {
    return this.#alone !== undefined || this.#gate.isClosed
  }

  /** Waits until an attempt may be made. Resolves with why rows are given up, when that has lasted too long. */
  async wait(): Promise<Verdict | undefined> {
    if (this.#alone !== undefined) {
      const { since, times, verdict } = this.#alone
      if (this.clock.now() - since >= this.#retry.maxOutage) return verdict
      await this.#pause.take(backoff(this.#retry, times))
    }
    if (!this.#gate.isClosed) return undefined
    const overdue = await new Promise<Verdict | undefined>((resolve) => {
      this.#settle = resolve
      this.#gate.wait(this)
    })
    this.#settle = undefined
    return overdue
  }

  go(): void {
    this.#settle?.()
  }

  giveUp(verdict: Verdict): void {
    this.#settle?.(verdict)
  }

  /** Ends the wait: the batch was stopped. */
  stop(): void {
    if (this.#settle === undefined) return
    this.#gate.leave(this)
    this.#settle()
  }

  /** The batch has had its last attempt. */
  leave(): void {
    this.#gate.leave(this)
  }

  /** The database does not take this batch, and that is waited for. */
  isAway(verdict: Verdict): boolean {
    return this.#retry.maxOutage > 0 && verdict.outage
  }

  /** What the end of an attempt says of the database. @returns whether that is away */
  tell(verdicts: readonly Verdict[]): boolean {
    const away = verdicts.find((verdict) => this.isAway(verdict))
    if (away === undefined) this.reached()
    else this.refused(away)
    return away !== undefined
  }

  /** An attempt came to the database. */
  reached(): void {
    this.#alone = undefined
    this.#gate.open(this, this.clock)
  }

  /** The database is away for this batch at least. */
  refused(verdict: Verdict): void {
    if (this.#gate.close(verdict, this.clock, this)) return
    this.#alone ??= { since: this.clock.now(), times: 0, verdict }
    this.#alone.times++
  }

  /** Whether the database gives a sign of life just now; `true` where it cannot be asked. */
  isReachable(): Promise<boolean> {
    return this.#gate.isReachable(this.clock)
  }
}
