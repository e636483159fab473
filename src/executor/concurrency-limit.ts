import type { ExecutorProbe, Outage } from '../contract/metrics-reporter.ts'

/** The concurrency limit of one executor, shared by every flow that uses it. */
export class Slots implements ExecutorProbe {
  readonly concurrencyLimit: number
  /** What keeps every slot from its work now. */
  outage: Outage | undefined = undefined
  #inflight = 0
  readonly #waiting = new Set<() => void>()

  /** @param limit batches at once; 0 = unlimited */
  constructor(limit: number) {
    this.concurrencyLimit = limit
  }

  get inflight(): number {
    return this.#inflight
  }

  get free(): boolean {
    return this.concurrencyLimit === 0 || this.#inflight < this.concurrencyLimit
  }

  take(): void {
    this.#inflight++
  }

  /** Gives the slot to whoever has waited longest. */
  release(): void {
    this.#inflight--
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
