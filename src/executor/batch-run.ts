import type { RowFailure } from '../contract/driver.ts'
import { FencedError, type RowFailedError } from '../contract/errors.ts'
import type { Reason } from '../contract/reasons.ts'
import type { BatchTrace } from '../contract/tracing.ts'
import type { Batch } from '../lanes/batch.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import type { Clock } from '../support/clock.ts'
import { Attempt } from './attempt.ts'
import { BadRows } from './bad-rows.ts'
import { isLoss, judge, type Verdict } from './classify.ts'
import { Escort } from './escort.ts'
import type { Executor } from './executor.ts'
import { Fencing } from './fencing.ts'
import { Part } from './part.ts'
import { Passage } from './passage.ts'
import { Pause } from './pause.ts'
import type { Finding } from './proof.ts'
import { Repeats } from './repeats.ts'
import { mayRetry } from './retry.ts'
import { shapesOf } from './shapes.ts'

/**
 * One batch on its way through the executor: attempt, classify, back off, retry, wait for a database that is away, split off
 * the rows that are to blame. Afterwards `failures` holds the error of every row that is not committed.
 */
export class BatchRun {
  readonly batch: Batch
  /** Attempts made, those of all parts together. */
  attempts = 0
  /** Rows that changed nothing, as far as that is known: those that an earlier attempt may have written are not counted. */
  superseded = 0
  /** Text of the last operation. */
  text: string | undefined
  /** Bytes sent of the whole batch, where it went in one operation and the driver knows. */
  bytes: number | undefined
  readonly #bad: BadRows
  readonly #repeats: Repeats
  readonly #executor: Executor
  readonly #clock: Clock
  readonly #trace: BatchTrace | undefined
  readonly #passage: Passage
  readonly #pause: Pause
  readonly #fencing: Fencing
  readonly #escort: Escort
  #stopped: BatchFlowError | undefined
  #attempt: Attempt | undefined

  constructor(batch: Batch, executor: Executor, clock: Clock, trace?: BatchTrace) {
    this.batch = batch
    this.#executor = executor
    this.#clock = clock
    this.#trace = trace
    const { retry, timeout } = executor.settings
    const pause = (this.#pause = new Pause(clock))
    const passage = (this.#passage = new Passage(executor.gate, clock, retry, pause, trace))
    this.#fencing = new Fencing({ clock, retry, timeout, passage, pause, judge: (error) => this.#judge(error) })
    this.#escort = new Escort(batch, executor, clock, this.#fencing)
    this.#repeats = new Repeats(batch, executor, pause)
    this.#bad = new BadRows(batch, executor, clock, this.#escort)
  }

  /** The errors of the rows that are not committed, by their places in the batch. */
  get failures(): ReadonlyMap<number, RowFailedError> {
    return this.#bad.failures.byPlace
  }

  /** How many of them may be written nevertheless. */
  get ambiguous(): number {
    return this.#bad.failures.ambiguous
  }

  /** Reason of the first rows given up. */
  get reason(): Reason | undefined {
    return this.#bad.failures.first?.reason
  }

  /** The database's own code for it. */
  get code(): string | undefined {
    return this.#bad.failures.first?.code
  }

  /** What the database said, where that holds no value of a row. */
  get detail(): string | undefined {
    return this.#bad.failures.first?.detail
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
        return this.#bad.giveUp(part, { reason: 'unknown', cause }, 'place')
      })
      for (let i = next.length - 1; i >= 0; i--) left.push(next[i]!)
      if (!next.includes(part)) part.release()
    }
    this.#passage.leave()
    this.#bad.end()
  }

  /** One attempt at `part`; returns what is left to do, in order. */
  async #advance(part: Part): Promise<readonly Part[]> {
    const { driver, settings } = this.#executor
    const { forfeit } = this.#bad
    if (forfeit !== undefined) return this.#bad.giveUp(part, forfeit.refusal, forfeit.fault)
    const overdue = this.#passage.isBarred && this.#stopped === undefined ? await this.#passage.wait() : undefined
    if (overdue !== undefined) return this.#bad.giveUp(part, overdue, 'place')
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
    if (!part.ambiguous) this.superseded += attempt.superseded
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
    this.#bad.committed()
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
    if (!isFenced) return this.#bad.giveUp(part, verdict, 'place')
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
    if (finding instanceof FencedError) return this.#bad.giveUp(part, this.#judge(finding), 'place')
    if (finding === 'unknown') return this.#stopped ? this.#cutShort(part) : this.#bad.giveUp(part, verdict, 'place')
    return this.#onRefusal(part, { ...verdict, ambiguous: false }, false)
  }

  /** No row of the part is written, as far as anybody can know. */
  async #onRefusal(part: Part, verdict: Verdict, isAway: boolean): Promise<readonly Part[]> {
    if (isAway) return this.#repeats.afterOutage(part, verdict.reason)
    if (verdict.stale && !part.replanned) return [part.replan()]
    if (this.#mayRetry(part, verdict)) return this.#repeats.afterPause(part, verdict.reason)
    return this.#bad.sort(part, verdict, this.#stopped !== undefined)
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
    if (failed.length < part.rows.length) this.#bad.committed()
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
        await this.#bad.sort(row, verdict, this.#stopped !== undefined)
      }
    }
    if (reason === undefined) return []
    const rest = part.pick(again.sort((a, b) => a - b))
    rest.ambiguous ||= ambiguous
    return isAway ? this.#repeats.afterOutage(rest, reason) : this.#repeats.afterPause(rest, reason)
  }

  /** Rows without a key that are not tried again need no fence: nothing goes on after them. */
  async #fence(part: Part, verdicts: readonly Verdict[]): Promise<boolean> {
    if (verdicts.some(isLoss)) part.lost++
    const goesOn = part.table.keys.length > 0 || part.companion !== undefined
    const goingOn = verdicts.filter((verdict) => goesOn || this.#mayRetry(part, verdict))
    return this.#fencing.set(goingOn, () => part.forgive(0))
  }

  #cutShort(part: Part): readonly Part[] {
    return this.#bad.giveUp(part, { reason: 'context', cause: this.#stopped }, 'place')
  }

  #judge(error: unknown): Verdict {
    return judge(error, this.#executor.settings.classify, this.#executor.driver)
  }

  #mayRetry(part: Part, verdict: Verdict): boolean {
    return this.#stopped === undefined && mayRetry(this.#executor.settings.retry, part, verdict)
  }
}
