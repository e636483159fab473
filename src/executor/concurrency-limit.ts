import type { ExecutorProbe, Outage } from '../contract/metrics-reporter.ts'
import type { Reason } from '../contract/reasons.ts'
import type { Gate } from './outage.ts'

/** The concurrency limit of one executor, shared by every flow that uses it. */
export class Slots implements ExecutorProbe {
  readonly concurrencyLimit: number
  #inflight = 0
  readonly #waiting = new Set<() => void>()
  readonly #gate: Gate

  /** @param limit batches at once; 0 = unlimited. @param gate closed while the database takes no batch */
  constructor(limit: number, gate: Gate) {
    this.concurrencyLimit = limit
    this.#gate = gate
  }

  get outage(): Outage | undefined {
    return this.#gate.outage
  }

  get outages(): ReadonlyMap<Reason, number> {
    return this.#gate.outages
  }

  get inflight(): number {
    return this.#inflight
  }

  get free(): boolean {
    return (this.concurrencyLimit === 0 || this.#inflight < this.concurrencyLimit) && this.#gate.admits
  }

  take(): void {
    this.#inflight++
  }

  /** Gives the slot to whoever has waited longest. */
  release(): void {
    this.#inflight--
    this.wake()
  }

  /** Calls those who wait, as far as slots are free. */
  wake(): void {
    for (const wake of this.#waiting) {
      if (!this.free) return
      this.#waiting.delete(wake)
      wake()
    }
  }

  /** Calls `wake` once, when a slot is free. Waiting twice with one function is waiting once. */
  whenFree(wake: () => void): void {
    this.#waiting.add(wake)
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake)
  }
}
