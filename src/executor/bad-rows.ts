import type { Batch } from '../lanes/batch.ts'
import type { Clock } from '../support/clock.ts'
import type { Verdict } from './classify.ts'
import type { Escort } from './escort.ts'
import { Evidence } from './evidence.ts'
import type { Executor } from './executor.ts'
import { Failures, type Refusal } from './failures.ts'
import type { Part } from './part.ts'
import { mayRepeat } from './retry.ts'

/** Why rows are given up, and whose fault it is. */
interface Forfeit {
  readonly refusal: Refusal
  readonly fault: 'row' | 'place'
}

/** Finds the rows of one batch that are to blame, so that the others get in, and notes the error of each that is given up. */
export class BadRows {
  readonly failures = new Failures()
  /** Why the rest of a batch is given up that has to be committed whole. */
  forfeit: Forfeit | undefined
  readonly #batch: Batch
  readonly #executor: Executor
  readonly #escort: Escort
  readonly #evidence: Evidence

  constructor(batch: Batch, executor: Executor, clock: Clock, escort: Escort) {
    this.#batch = batch
    this.#executor = executor
    this.#escort = escort
    this.#evidence = new Evidence(executor.driver, clock)
  }

  /** Some rows of the batch were committed. */
  committed(): void {
    this.#evidence.committed()
  }

  /** Every row was tried. */
  end(): void {
    if (this.#evidence.isCommitted) this.failures.blameRows()
  }

  /** Returns what is left to do of it: nothing. */
  giveUp(part: Part, refusal: Refusal, fault: 'row' | 'place'): readonly Part[] {
    this.failures.add(part, refusal, fault)
    if (this.#batch.companion !== undefined) this.forfeit ??= { refusal, fault }
    return []
  }

  /** The part is not tried again as it is: returns those of it that may do without its bad rows. */
  async sort(part: Part, verdict: Verdict, isStopped: boolean): Promise<readonly Part[]> {
    const fault = await this.#faultOf(part, verdict, isStopped)
    if (fault === 'row' && this.#escort.isolates && part.rows.length > 1) return this.#split(part, verdict)
    const { rowIndex } = verdict
    if (rowIndex !== undefined) this.#batch.culprit ??= part.placeOf(rowIndex)
    return this.giveUp(part, verdict, fault)
  }

  /** Around the row at fault where the database named it, else in halves. */
  #split(part: Part, verdict: Verdict): readonly Part[] {
    const { rowIndex, retryable } = verdict
    if (rowIndex === undefined || rowIndex >= part.rows.length) return part.halves(retryable)
    this.giveUp(part.pick([rowIndex]), verdict, 'row')
    return part.around(rowIndex)
  }

  async #faultOf(part: Part, verdict: Verdict, isStopped: boolean): Promise<'row' | 'place'> {
    const { retry, timeout } = this.#executor.settings
    const isLast = verdict.retryable && (isStopped || !mayRepeat(retry, part, verdict))
    return isLast ? 'place' : this.#evidence.faultOf(part, verdict, timeout)
  }
}
