import type { Driver } from '../contract/driver.ts'
import type { Clock } from '../support/clock.ts'
import type { Verdict } from './classify.ts'
import type { Part } from './part.ts'
import { timed } from './time-limit.ts'

/**
 * Finds out whose fault it is that a part of a batch was refused, where the error alone does not tell: an error code may
 * stand for a bad value as well as for a missing right. An attempt of no row decides it, and for drivers that cannot make
 * one, that other rows of the batch succeed. A table that is missing costs a few attempts, not one for each row.
 */
export class Evidence {
  readonly #driver: Driver
  readonly #clock: Clock
  /** What an attempt of no row showed, by the columns of the part. */
  readonly #shown = new Map<readonly string[], Promise<'row' | 'place'>>()
  #committed = false
  /** Refusals that nobody could explain so far. */
  #unexplained = 0

  constructor(driver: Driver, clock: Clock) {
    this.#driver = driver
    this.#clock = clock
  }

  get isCommitted(): boolean {
    return this.#committed
  }

  /** Some rows of the batch were committed, so that the place is in order. */
  committed(): void {
    this.#committed = true
  }

  async faultOf(part: Part, { isolate, retryable }: Verdict, timeout: number): Promise<'row' | 'place'> {
    if (isolate !== undefined) return isolate ? 'row' : 'place'
    if (retryable) return 'place'
    if (this.#committed) return 'row'
    if (this.#driver.probe === undefined) return this.#bySplitting(part)
    let shown = this.#shown.get(part.columns)
    if (shown === undefined) this.#shown.set(part.columns, (shown = this.#probe(part, timeout)))
    return shown
  }

  /** Halves are tried for as long as a bad row might still hide among good ones. */
  #bySplitting({ rows }: Part): 'row' | 'place' {
    this.#unexplained++
    return rows.length > 1 && this.#unexplained <= MOST_UNEXPLAINED ? 'row' : 'place'
  }

  async #probe({ table, columns }: Part, milliseconds: number): Promise<'row' | 'place'> {
    const probe = async (signal: AbortSignal) => this.#driver.probe?.({ table, columns }, { signal })
    const limits = { clock: this.#clock, milliseconds, controller: new AbortController() }
    return timed(probe, limits).then(
      () => 'row',
      () => 'place',
    )
  }
}

/** Twice the way from the largest usual batch down to a single row. */
const MOST_UNEXPLAINED = 24
