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
  #shown: Map<readonly string[], Promise<'row' | 'place'>> | undefined
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

  async faultOf(part: Part, verdict: Verdict, timeout: number): Promise<'row' | 'place'> {
    const { isolate, retryable } = verdict
    if (isolate === true) return 'row'
    if (retryable) return mayBeOfOneRow(verdict) ? this.#bySplitting(part) : 'place'
    if (isolate === false) return 'place'
    if (this.#committed) return 'row'
    if (this.#driver.probe === undefined) return this.#bySplitting(part)
    const known = (this.#shown ??= new Map())
    let shown = known.get(part.columns)
    if (shown === undefined) known.set(part.columns, (shown = this.#probe(part, timeout)))
    return (await shown) === 'row' && this.#isWorthATry() ? 'row' : 'place'
  }

  /** Halves are tried for as long as a bad row might still hide among good ones. */
  #bySplitting({ rows }: Part): 'row' | 'place' {
    return rows.length > 1 && this.#isWorthATry() ? 'row' : 'place'
  }

  /** What rows need and an attempt of no row does not (a right to a sequence) must not cost an attempt for each row. */
  #isWorthATry(): boolean {
    return this.#committed || ++this.#unexplained <= MOST_UNEXPLAINED
  }

  async #probe({ table, columns, deletions }: Part, milliseconds: number): Promise<'row' | 'place'> {
    const probe = async (signal: AbortSignal) => this.#driver.probe?.({ table, columns, deletions }, { signal })
    const limits = { clock: this.#clock, milliseconds, controller: new AbortController() }
    return timed(probe, limits).then(
      () => 'row',
      () => 'place',
    )
  }
}

/**
 * A trigger raises the code of a deadlock for one value, or a value costs the connection; seldom, but again and again. What
 * took too long once would take as long for each part.
 */
function mayBeOfOneRow({ outage, reason }: Verdict): boolean {
  return !outage && (reason === 'deadlock' || reason === 'lock_timeout' || reason === 'connection')
}

/** Twice the way from the largest usual batch down to a single row. */
const MOST_UNEXPLAINED = 24
