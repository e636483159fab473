/** Time as the engine sees it; tests bring their own. Milliseconds throughout. */
export interface Clock {
  /** Monotonic. Read only where something is reported. */
  now(): number
  timer(callback: () => void): Timer
}

export interface Timer {
  /** Starts, or starts anew. */
  start(milliseconds: number): void
  stop(): void
  /** From now on it does not keep the process alive. Optional: a clock of one's own need not know how. */
  unref?(): void
}

/** The longest delay `setTimeout` knows, about 24.8 days. */
export const MAX_DELAY = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  timer: (callback) => new SystemTimer(callback),
}

/**
 * A restart costs a list move, not an allocation: Node keeps all timers of one duration in one list behind one libuv
 * timer, and `refresh` reads the event loop's own time.
 */
class SystemTimer implements Timer {
  readonly #callback: () => void
  #handle: NodeJS.Timeout | undefined
  #delay = -1
  #isRef = true

  constructor(callback: () => void) {
    this.#callback = callback
  }

  start(milliseconds: number): void {
    if (this.#handle !== undefined && this.#delay === milliseconds) {
      this.#handle.refresh()
      return
    }
    this.stop()
    this.#delay = milliseconds
    this.#handle = setTimeout(this.#callback, milliseconds)
    if (!this.#isRef) this.#handle.unref()
  }

  unref(): void {
    this.#isRef = false
    this.#handle?.unref()
  }

  stop(): void {
    if (this.#handle === undefined) return
    clearTimeout(this.#handle)
    this.#handle = undefined
  }
}
