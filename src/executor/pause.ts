import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../support/clock.ts'

/** Time between two attempts, which can be cut short. */
export class Pause {
  readonly #clock: Clock
  #wake: (() => void) | undefined
  #ended = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async take(milliseconds: number): Promise<void> {
    if (this.#ended) return
    if (milliseconds === 0) return nextTurn() // or a driver that answers at once would let nobody else have a turn
    await new Promise<void>((resolve) => {
      const timer = this.#clock.timer(resolve)
      this.#wake = () => {
        timer.stop()
        resolve()
      }
      timer.start(milliseconds)
    })
    this.#wake = undefined
  }

  /** Ends the pause under way; there will be no other. */
  end(): void {
    this.#ended = true
    this.#wake?.()
  }
}
