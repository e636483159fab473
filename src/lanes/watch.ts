import type { Clock } from '../support/clock.ts'
import { UNTIMED } from './batch.ts'
import { geometric } from './sampling.ts'

/** A row whose latencies nobody takes has this for a time. */
export const NOT_SAMPLED = -1

/** What those who watch a lane want to know of time. */
export class Watch {
  readonly #clock: Clock
  readonly #sampling: number
  /** Rows until the next sampled one. */
  #skip = 0
  /** Since when anybody watches (ms): how old rows are that came before is not known. */
  #since = 0

  /** @param sampling one row in this many has its latencies taken, on average */
  constructor(clock: Clock, sampling: number) {
    this.#clock = clock
    this.#sampling = sampling
  }

  /** @param isFirst nobody watched until now */
  begin(isFirst: boolean): void {
    if (isFirst) this.#since = this.#clock.now()
    this.#skip = geometric(this.#sampling)
  }

  /**
   * The time now, for one row in `sampling` drawn at random, else `NOT_SAMPLED`. Geometric gaps carried across batches give
   * every row the same chance, whatever the size of its batch.
   */
  draw(): number {
    if (--this.#skip > 0) return NOT_SAMPLED
    this.#skip = geometric(this.#sampling)
    return this.#clock.now()
  }

  /** How many rows come before the next sampled one. */
  get unsampled(): number {
    return this.#skip - 1
  }

  /** So many of those come. */
  pass(rows: number): void {
    this.#skip -= rows
  }

  /** How long ago the first of `times` (ms, or `UNTIMED`) was, in seconds; `undefined` where there is none. */
  ageOf(times: Iterable<number>): number | undefined {
    let oldest = Number.POSITIVE_INFINITY
    for (const time of times) oldest = Math.min(oldest, time === UNTIMED ? this.#since : time)
    return oldest === Number.POSITIVE_INFINITY ? undefined : (this.#clock.now() - oldest) / 1000
  }
}
