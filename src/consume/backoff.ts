import type { Clock, Timer } from '../support/clock.ts'

/** Longest pause before the second try, in ms; it doubles with every further one. */
const BASE = 100
/** Longest pause of all, in ms. */
const MOST = 10_000

/** Pauses between tries, each drawn at random up to a limit that doubles, so that workers do not try in step. */
export class Backoff {
  readonly #timer: Timer
  #tries = 0
  #wake: (() => void) | undefined
  #ended = false

  constructor(clock: Clock) {
    this.#timer = clock.timer(() => this.#go())
  }

  /** Resolves when it is time for another try, and at once after {@link end}. */
  wait(): Promise<void> {
    if (this.#ended) return Promise.resolve()
    const pause = Math.min(MOST, BASE * 2 ** Math.min(this.#tries++, 31)) * Math.random()
    return new Promise((resolve) => {
      const others = this.#wake
      this.#wake = () => {
        others?.()
        resolve()
      }
      this.#timer.start(Math.max(1, pause))
    })
  }

  /** It went well: the next pause is a short one. */
  reset(): void {
    this.#tries = 0
  }

  /** Nobody waits any more. */
  end(): void {
    this.#ended = true
    this.#timer.stop()
    this.#go()
  }

  #go(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
