import type { Reason } from '../contract/reasons.ts'
import type { Batch } from '../lanes/batch.ts'
import type { Executor } from './executor.ts'
import type { Part } from './part.ts'
import type { Pause } from './pause.ts'
import { backoff } from './retry.ts'

/** Attempts of one batch that are made again: counted, and after a pause where they have to wait. */
export class Repeats {
  readonly #batch: Batch
  readonly #executor: Executor
  readonly #pause: Pause

  constructor(batch: Batch, executor: Executor, pause: Pause) {
    this.#batch = batch
    this.#executor = executor
    this.#pause = pause
  }

  /** An outage stopped the attempt: `part` waits before the gate, and is tried as often as it was to be. */
  afterOutage(part: Part, reason: Reason): readonly Part[] {
    this.#count(reason)
    part.forgive(1)
    return [part]
  }

  async afterPause(part: Part, reason: Reason): Promise<readonly Part[]> {
    const { budget, settings } = this.#executor
    this.#count(reason)
    await this.#pause.take(backoff(settings.retry, budget.spend() ? part.charged : Number.POSITIVE_INFINITY))
    return [part]
  }

  #count(reason: Reason): void {
    this.#batch.retried++
    this.#batch.metrics?.countError('retry', reason)
  }
}
