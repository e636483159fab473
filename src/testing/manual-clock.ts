import type { Clock, Timer } from '../support/clock.ts'

/** Time that stands still until a test moves it: `new BatchFlow(executor, { clock })`. Milliseconds throughout. */
export class ManualClock implements Clock {
  /** How often anybody asked for the time. */
  reads = 0
  #now = 0
  readonly #timers = new Set<ManualTimer>()

  now(): number {
    this.reads++
    return this.#now
  }

  timer(callback: () => void): Timer {
    return new ManualTimer(callback, this.#timers, () => this.#now)
  }

  /** Timers that are running. */
  get running(): number {
    return this.#timers.size
  }

  /** Moves time on, firing what falls due in its order, and lets promises settle after each. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds
    await settled()
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#now = Math.max(this.#now, next.at)
      next.fire()
      await settled()
    }
    this.#now = end
  }
}

class ManualTimer implements Timer {
  at = 0
  readonly #callback: () => void
  readonly #running: Set<ManualTimer>
  readonly #now: () => number

  constructor(callback: () => void, running: Set<ManualTimer>, now: () => number) {
    this.#callback = callback
    this.#running = running
    this.#now = now
  }

  start(milliseconds: number): void {
    this.at = this.#now() + milliseconds
    this.#running.add(this)
  }

  stop(): void {
    this.#running.delete(this)
  }

  fire(): void {
    this.stop()
    this.#callback()
  }
}

/** Resolves when every promise that can settle by itself has: after the microtasks. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
