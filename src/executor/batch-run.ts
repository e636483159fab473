import type { RowFailure } from '../contract/driver.ts'
import { RowFailedError } from '../contract/errors.ts'
import type { Reason } from '../contract/reasons.ts'
import type { BatchTrace } from '../contract/tracing.ts'
import type { Batch } from '../lanes/batch.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import type { Clock } from '../support/clock.ts'
import { Attempt } from './attempt.ts'
import { judge, type Verdict } from './classify.ts'
import type { Executor } from './executor.ts'
import { Part } from './part.ts'
import { backoff } from './retry.ts'
import { shapesOf } from './shapes.ts'

/** Why rows are given up. */
type Fault = Pick<Verdict, 'reason' | 'cause'> & Partial<Pick<Verdict, 'code'>>

/**
 * One batch on its way through the executor: attempt, classify, back off, retry, split off the rows that are to blame.
 * Afterwards `failures` holds the error of every row that is not committed.
 */
export class BatchRun {
  readonly batch: Batch
  /** The errors by their rows' places in the batch. */
  readonly failures = new Map<number, RowFailedError>()
  /** Attempts made, those of all parts together. */
  attempts = 0
  /** Text of the last operation. */
  text: string | undefined
  /** Reason of the first rows given up. */
  reason: Reason | undefined
  /** The database's own code for it. */
  code: string | undefined
  readonly #executor: Executor
  readonly #clock: Clock
  readonly #trace: BatchTrace | undefined
  #stopped: BatchFlowError | undefined
  #attempt: Attempt | undefined
  #wake: (() => void) | undefined

  constructor(batch: Batch, executor: Executor, clock: Clock, trace?: BatchTrace) {
    this.batch = batch
    this.#executor = executor
    this.#clock = clock
    this.#trace = trace
  }

  /** Ids of the batch's span, for receipts. */
  get ids(): { traceId?: string; spanId?: string } {
    if (this.#trace === undefined) return {}
    const { traceId, spanId } = this.#trace.spanContext
    return { traceId, spanId }
  }

  /** Ends the run early: the attempt under way is cancelled, no other follows. */
  stop(error: BatchFlowError): void {
    this.#stopped ??= error
    this.#attempt?.abort(error)
    this.#wake?.()
  }

  /** Never rejects. */
  async execute(): Promise<void> {
    const { table, rows } = this.batch
    const left = shapesOf(table, rows)
      .map((shape) => new Part(table, shape))
      .reverse()
    while (left.length > 0) {
      const part = left.pop()!
      // A driver that breaks its contract fails the rows of this part; it must not leave anybody without an answer.
      const next = await this.#advance(part).catch((error) => this.#giveUp(part, { reason: 'unknown', cause: error }))
      for (let i = next.length - 1; i >= 0; i--) left.push(next[i]!)
      if (!next.includes(part)) part.release()
    }
  }

  /** One attempt at `part`; returns what is left to do, in order. */
  async #advance(part: Part): Promise<readonly Part[]> {
    if (this.#stopped !== undefined) return this.#giveUp(part, { reason: 'context', cause: this.#stopped })
    const { driver, settings } = this.#executor
    part.tries++
    this.attempts++
    const attempt = new Attempt(driver, this.#clock, settings.timeout, {
      metrics: this.batch.metrics,
      trace: this.#trace,
    })
    this.#attempt = attempt
    const failure = await attempt.run(part)
    this.#attempt = undefined
    this.text = part.operation?.text ?? this.text
    if (failure === undefined) {
      attempt.end(part)
      return []
    }
    return 'rows' in failure
      ? this.#onRowFailures(part, attempt, failure.rows)
      : this.#onFailure(part, attempt, failure.error)
  }

  /** The whole part failed. */
  async #onFailure(part: Part, attempt: Attempt, error: unknown): Promise<readonly Part[]> {
    const verdict = this.#judge(error)
    attempt.end(part, verdict)
    if (verdict.stale && !part.replanned) return [replan(part)]
    if (this.#mayRetry(part, verdict)) return this.#retry(part, verdict.reason)
    if (verdict.isolate && this.#executor.settings.isolate && part.rows.length > 1) return this.#split(part, verdict)
    return this.#giveUp(part, verdict)
  }

  /** Single rows failed, the others are committed. */
  async #onRowFailures(part: Part, attempt: Attempt, failed: readonly RowFailure[]): Promise<readonly Part[]> {
    const again: number[] = []
    let reason: Reason | undefined
    const verdicts = failed.map(({ error }) => this.#judge(error))
    attempt.end(part, verdicts[0])
    for (const [i, verdict] of verdicts.entries()) {
      const { index } = failed[i]!
      if (this.#mayRetry(part, verdict)) {
        again.push(index)
        reason ??= verdict.reason
      } else this.#giveUp(part.pick([index]), verdict)
    }
    return reason === undefined ? [] : this.#retry(part.pick(again.sort((a, b) => a - b)), reason)
  }

  async #retry(part: Part, reason: Reason): Promise<readonly Part[]> {
    this.batch.metrics?.countError('retry', reason)
    await this.#pause(backoff(this.#executor.settings.retry, part.tries))
    return [part]
  }

  /** Around the row at fault where the database named it, else in halves. */
  #split(part: Part, verdict: Verdict): readonly Part[] {
    const { rowIndex } = verdict
    const size = part.rows.length
    if (rowIndex === undefined || rowIndex >= size) {
      const middle = size >>> 1
      return [part.slice(0, middle), part.slice(middle, size)]
    }
    this.#giveUp(part.pick([rowIndex]), verdict)
    return [part.slice(0, rowIndex), part.slice(rowIndex + 1, size)].filter((rest) => rest.rows.length > 0)
  }

  #giveUp(part: Part, { reason, cause, code }: Fault): readonly Part[] {
    if (this.reason === undefined) {
      this.reason = reason
      this.code = code
    }
    const error = new RowFailedError(part.table.name, reason, part.attempts, cause, code)
    for (let i = 0; i < part.rows.length; i++) this.failures.set(part.placeOf(i), error)
    return []
  }

  #judge(error: unknown): Verdict {
    return judge(error, this.#executor.settings.classify, this.#executor.driver)
  }

  #mayRetry(part: Part, verdict: Verdict): boolean {
    const { maxAttempts, onAmbiguous } = this.#executor.settings.retry
    if (!verdict.retryable || part.tries >= maxAttempts || this.#stopped !== undefined) return false
    return !verdict.ambiguous || onAmbiguous === 'retry' || part.table.action !== 'error'
  }

  async #pause(milliseconds: number): Promise<void> {
    if (milliseconds === 0 || this.#stopped !== undefined) return
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
}

/** Same rows, same attempt, a new operation. */
function replan(part: Part): Part {
  part.release()
  part.replanned = true
  part.tries--
  return part
}
