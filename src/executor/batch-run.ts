import type { RowFailure } from '../contract/driver.ts'
import { FencedError, type RowFailedError } from '../contract/errors.ts'
import type { Reason } from '../contract/reasons.ts'
import type { BatchTrace } from '../contract/tracing.ts'
import type { Batch } from '../lanes/batch.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import type { Clock } from '../support/clock.ts'
import { Attempt } from './attempt.ts'
import { isLoss, judge, type Verdict } from './classify.ts'
import { Escort } from './escort.ts'
import { Evidence } from './evidence.ts'
import type { Executor } from './executor.ts'
import { Failures, type Refusal } from './failures.ts'
import { Fencing } from './fencing.ts'
import { Part } from './part.ts'
import { Passage } from './passage.ts'
import { Pause } from './pause.ts'
import type { Finding } from './proof.ts'
import { backoff, mayRepeat, mayRetry } from './retry.ts'
import { shapesOf } from './shapes.ts'

/**
 * One batch on its way through the executor: attempt, classify, back off, retry, wait for a database that is away, split off
 * the rows that are to blame. Afterwards `failures` holds the error of every row that is not committed.
 */
export class BatchRun {
  readonly batch: Batch
  /** Attempts made, those of all parts together. */
  attempts = 0
  /** Text of the last operation. */
  text: string | undefined
  /** Bytes sent of the whole batch, where it went in one operation and the driver knows. */
  bytes: number | undefined
  /** Place of the row that the database named as the one at fault, where the batch was given up whole. */
  culprit: number | undefined
  readonly #failures = new Failures()
  readonly #executor: Executor
  readonly #clock: Clock
  readonly #trace: BatchTrace | undefined
  readonly #evidence: Evidence
  readonly #passage: Passage
  readonly #pause: Pause
  readonly #fencing: Fencing
  readonly #escort: Escort
  #stopped: BatchFlowError | undefined
  /** Why the rest of a batch is given up that has to be committed whole. */
  #forfeit: { readonly refusal: Refusal; readonly fault: 'row' | 'place' } | undefined
  #attempt: Attempt | undefined

  constructor(batch: Batch, executor: Executor, clock: Clock, trace?: BatchTrace) {
    this.batch = batch
    this.#executor = executor
    this.#clock = clock
    this.#trace = trace
    this.#evidence = new Evidence(executor.driver, clock)
    const { retry, timeout } = executor.settings
    const pause = (this.#pause = new Pause(clock))
    const passage = (this.#passage = new Passage(executor.gate, clock, retry, pause, trace))
    const judge = (error: unknown) => this.#judge(error)
    this.#fencing = new Fencing({ clock, retry, timeout, passage, pause, judge })
    this.#escort = new Escort(batch, executor, clock, this.#fencing)
  }

  /** The errors of the rows that are not committed, by their places in the batch. */
  get failures(): ReadonlyMap<number, RowFailedError> {
    return this.#failures.byPlace
  }

  /** How many of them may be written nevertheless. */
  get ambiguous(): number {
    return this.#failures.ambiguous
  }

  /** Reason of the first rows given up. */
  get reason(): Reason | undefined {
    return this.#failures.first?.reason
  }

  /** The database's own code for it. */
  get code(): string | undefined {
    return this.#failures.first?.code
  }

  /** What the database said, where that holds no value of a row. */
  get detail(): string | undefined {
    return this.#failures.first?.detail
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
    this.#fencing.stop()
    this.#passage.stop()
    this.#pause.end()
  }

  /** Never rejects. */
  async execute(): Promise<void> {
    const { table, rows } = this.batch
    const left = shapesOf(table, rows).map((shape) => new Part(table, shape))
    this.#escort.assign(left)
    left.reverse()
    while (left.length > 0) {
      const part = left.pop()!
      // A driver that breaks its contract fails the rows of this part; it must not leave anybody without an answer.
      const next = await this.#advance(part).catch((cause) => {
        part.ambiguous = true
        return this.#giveUp(part, { reason: 'unknown', cause }, 'place')
      })
      for (let i = next.length - 1; i >= 0; i--) left.push(next[i]!)
      if (!next.includes(part)) part.release()
    }
    this.#passage.leave()
    if (this.#evidence.isCommitted) this.#failures.blameRows()
  }

  /** One attempt at `part`; returns what is left to do, in order. */
  async #advance(part: Part): Promise<readonly Part[]> {
    const { driver, settings } = this.#executor
    if (this.#forfeit !== undefined) return this.#giveUp(part, this.#forfeit.refusal, this.#forfeit.fault)
    const overdue = this.#passage.isBarred && this.#stopped === undefined ? await this.#passage.wait() : undefined
    if (overdue !== undefined) return this.#giveUp(part, overdue, 'place')
    if (this.#stopped !== undefined) return this.#cutShort(part)
    part.tries++
    part.charged++
    this.attempts++
    const attempt = new Attempt(driver, this.#clock, settings.timeout, {
      metrics: this.batch.metrics,
      trace: this.#trace,
      ...this.#escort.join(part),
    })
    this.#attempt = attempt
    const failure = await attempt.run(part)
    this.#attempt = undefined
    this.text = part.operation?.text ?? this.text
    if (part.rows.length === this.batch.rows.length) this.bytes = part.operation?.byteLength ?? this.bytes
    if (failure === undefined) {
      attempt.end(part)
      return this.#onCommit()
    }
    if ('error' in failure) return this.#onFailure(part, attempt, failure.error)
    const verdicts = failure.rows.map(({ error }) => this.#judge(error))
    attempt.end(part, verdicts[0])
    return this.#onRowFailures(part, failure.rows, verdicts)
  }

  #onCommit(): readonly Part[] {
    this.#passage.reached()
    this.#executor.budget.earn()
    this.#evidence.committed()
    this.#escort.arrived()
    return []
  }

  /** The whole part failed. */
  async #onFailure(part: Part, attempt: Attempt, error: unknown): Promise<readonly Part[]> {
    const verdict = this.#judge(error)
    attempt.end(part, verdict)
    part.ambiguous ||= verdict.ambiguous
    part.refused = verdict.refused ?? part.refused
    const isAway = this.#passage.tell([verdict])
    const isFenced = await this.#fence(part, [verdict])
    if (this.#stopped !== undefined && verdict.fence !== undefined) return this.#cutShort(part)
    if (!isFenced) return this.#giveUp(part, verdict, 'place')
    const finding = await this.#escort.find(part, verdict, () => part.forgive(0))
    return finding === undefined ? this.#onRefusal(part, verdict, isAway) : this.#onFinding(part, verdict, finding)
  }

  /** The answer to an attempt was lost, and it was asked what became of it. */
  async #onFinding(part: Part, verdict: Verdict, finding: Finding): Promise<readonly Part[]> {
    if (finding === 'committed' || finding === 'absent') part.ambiguous = false
    if (finding === 'committed') {
      const { refused = [] } = part
      if (refused.length === 0) return this.#onCommit()
      const verdicts = refused.map(({ error }) => this.#judge(error))
      return this.#onRowFailures(part, refused, verdicts)
    }
    if (finding instanceof FencedError) return this.#giveUp(part, this.#judge(finding), 'place')
    if (finding === 'unknown') return this.#stopped ? this.#cutShort(part) : this.#giveUp(part, verdict, 'place')
    return this.#onRefusal(part, { ...verdict, ambiguous: false }, false)
  }

  /** No row of the part is written, as far as anybody can know. */
  async #onRefusal(part: Part, verdict: Verdict, isAway: boolean): Promise<readonly Part[]> {
    if (isAway) return this.#waitOut(part, verdict.reason)
    if (verdict.stale && !part.replanned) return [part.replan()]
    if (this.#mayRetry(part, verdict)) return this.#retry(part, verdict.reason)
    const fault = await this.#faultOf(part, verdict)
    if (fault === 'row' && this.#escort.isolates && part.rows.length > 1) return this.#split(part, verdict)
    const { rowIndex } = verdict
    if (rowIndex !== undefined) this.culprit ??= part.placeOf(rowIndex)
    return this.#giveUp(part, verdict, fault)
  }

  /** Single rows failed, the others are committed. */
  async #onRowFailures(
    part: Part,
    failed: readonly RowFailure[],
    verdicts: readonly Verdict[],
  ): Promise<readonly Part[]> {
    const again: number[] = []
    let reason: Reason | undefined
    this.#escort.arrived()
    if (failed.length < part.rows.length) this.#evidence.committed()
    const isAway = this.#passage.tell(verdicts)
    const isFenced = await this.#fence(part, verdicts)
    let ambiguous = false
    for (const [i, verdict] of verdicts.entries()) {
      const { index } = failed[i]!
      const goesOn = isFenced && (this.#passage.isAway(verdict) || this.#mayRetry(part, verdict))
      if (goesOn || (this.#stopped !== undefined && verdict.fence !== undefined)) {
        again.push(index)
        reason ??= verdict.reason
        ambiguous ||= verdict.ambiguous
      } else {
        const row = part.pick([index])
        row.ambiguous ||= verdict.ambiguous
        this.#giveUp(row, verdict, await this.#faultOf(row, verdict))
      }
    }
    if (reason === undefined) return []
    const rest = part.pick(again.sort((a, b) => a - b))
    rest.ambiguous ||= ambiguous
    return isAway ? this.#waitOut(rest, reason) : this.#retry(rest, reason)
  }

  /** Rows without a key that are not tried again need no fence: nothing goes on after them. */
  async #fence(part: Part, verdicts: readonly Verdict[]): Promise<boolean> {
    if (verdicts.some(isLoss)) part.lost++
    const goesOn = part.table.keys.length > 0 || part.companion !== undefined
    const goingOn = verdicts.filter((verdict) => goesOn || this.#mayRetry(part, verdict))
    return this.#fencing.set(goingOn, () => part.forgive(0))
  }

  #waitOut(part: Part, reason: Reason): readonly Part[] {
    this.#countRetry(reason)
    part.forgive(1)
    return [part]
  }

  #countRetry(reason: Reason): void {
    this.batch.retried++
    this.batch.metrics?.countError('retry', reason)
  }

  async #retry(part: Part, reason: Reason): Promise<readonly Part[]> {
    const { budget, settings } = this.#executor
    this.#countRetry(reason)
    await this.#pause.take(backoff(settings.retry, budget.spend() ? part.charged : Number.POSITIVE_INFINITY))
    return [part]
  }

  /** Around the row at fault where the database named it, else in halves. */
  #split(part: Part, verdict: Verdict): readonly Part[] {
    const { rowIndex, retryable } = verdict
    if (rowIndex === undefined || rowIndex >= part.rows.length) return part.halves(retryable)
    this.#giveUp(part.pick([rowIndex]), verdict, 'row')
    return part.around(rowIndex)
  }

  #giveUp(part: Part, refusal: Refusal, fault: 'row' | 'place'): readonly Part[] {
    this.#failures.add(part, refusal, fault)
    if (this.batch.companion !== undefined) this.#forfeit ??= { refusal, fault }
    return []
  }

  #cutShort(part: Part): readonly Part[] {
    return this.#giveUp(part, { reason: 'context', cause: this.#stopped }, 'place')
  }

  async #faultOf(part: Part, verdict: Verdict): Promise<'row' | 'place'> {
    const { retry, timeout } = this.#executor.settings
    const isLast = verdict.retryable && (this.#stopped !== undefined || !mayRepeat(retry, part, verdict))
    return isLast ? 'place' : this.#evidence.faultOf(part, verdict, timeout)
  }

  #judge(error: unknown): Verdict {
    return judge(error, this.#executor.settings.classify, this.#executor.driver)
  }

  #mayRetry(part: Part, verdict: Verdict): boolean {
    return this.#stopped === undefined && mayRetry(this.#executor.settings.retry, part, verdict)
  }
}
