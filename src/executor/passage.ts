import type { BatchTrace } from '../contract/tracing.ts'
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
  readonly #trace: BatchTrace | undefined
  #settle: ((overdue?: Verdict) => void) | undefined
  /** The database takes other batches and not this one: since when, and how often that was seen. */
  #alone: { readonly since: number; times: number; verdict: Verdict } | undefined
  /** Since when the batch has waited, where its trace was told. */
  #toldAt: number | undefined
  /** Attempts since the database took one. */
  #inVain = 0

  constructor(gate: Gate, clock: Clock, retry: RetryPolicy, pause: Pause, trace?: BatchTrace) {
    this.clock = clock
    this.#gate = gate
    this.#retry = retry
    this.#pause = pause
    this.#trace = trace
  }

  /** An attempt now would be in vain. */
  get isBarred(): boolean {
    return this.#alone !== undefined || this.#gate.isClosed
  }

  /** Waits until an attempt may be made. Resolves with why rows are given up, when that has lasted too long. */
  async wait(): Promise<Verdict | undefined> {
    this.#tellBegan()
    const overdue = await this.#waitOut()
    if (overdue === undefined && !this.isBarred) this.#tellEnded()
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
    else {
      this.#inVain++
      this.refused(away)
    }
    return away !== undefined
  }

  /** An attempt came to the database. */
  reached(): void {
    this.#alone = undefined
    this.#gate.open(this, this.clock)
    this.#tellEnded()
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

  async #waitOut(): Promise<Verdict | undefined> {
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

  #tellBegan(): void {
    const why = this.#alone?.verdict ?? this.#gate.outage
    if (this.#trace === undefined || this.#toldAt !== undefined || why === undefined) return
    this.#toldAt = this.clock.now()
    this.#trace.outageBegan?.({ reason: why.reason, code: why.code })
  }

  #tellEnded(): void {
    if (this.#toldAt !== undefined) {
      const seconds = (this.clock.now() - this.#toldAt) / 1000
      this.#trace?.outageEnded?.({ seconds, attempts: this.#inVain })
    }
    this.#toldAt = undefined
    this.#inVain = 0
  }
}
