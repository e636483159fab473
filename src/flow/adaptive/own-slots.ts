import type { Slots } from '../../executor/concurrency-limit.ts'

/** The slots of an executor as one flow sees them. */
export type SlotsOfFlow = Pick<Slots, 'free' | 'take' | 'release' | 'whenFree' | 'forget'>

/** Slots of an executor of which a flow takes only so many at once. */
export class OwnSlots implements SlotsOfFlow {
  /** Batches at once. */
  limit: number
  readonly #slots: Slots
  #taken = 0
  /** Wants one more than the limit allows. */
  #waiting: (() => void) | undefined

  constructor(slots: Slots, limit: number) {
    this.#slots = slots
    this.limit = limit
  }

  get #isAllowed(): boolean {
    return this.#taken < this.limit
  }

  get free(): boolean {
    return this.#isAllowed && this.#slots.free
  }

  take(): void {
    this.#taken++
    this.#slots.take()
  }

  release(): void {
    this.#taken--
    this.#slots.release()
    const waiting = this.#waiting
    if (waiting === undefined || !this.#isAllowed) return
    this.#waiting = undefined
    waiting()
  }

  whenFree(wake: () => void): void {
    if (this.#isAllowed) this.#slots.whenFree(wake)
    else this.#waiting = wake
  }

  forget(wake: () => void): void {
    this.#waiting = undefined
    this.#slots.forget(wake)
  }
}
