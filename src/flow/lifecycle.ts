import { diag } from '@opentelemetry/api'
import { AbandonedError, AbortedError, ClosedError, counted, type RowFailedError } from '../contract/errors.ts'
import type { Row } from '../contract/table.ts'
import type { FlowTracing } from '../contract/tracing.ts'
import type { BatchRun } from '../executor/batch-run.ts'
import type { Executor } from '../executor/executor.ts'
import type { Batch, Receipt } from '../lanes/batch.ts'
import type { Lane } from '../lanes/lane.ts'
import type { Lanes } from '../lanes/lanes.ts'
import { onAbort } from '../support/abort.ts'
import { MAX_DELAY, type Timer } from '../support/clock.ts'
import { knownKeys, number } from '../support/options.ts'
import { Dispatcher, type DispatchHost } from './dispatcher.ts'
import type { Intake } from './intake.ts'
import type { FlowTelemetry } from './observers.ts'
import type { DeadLetter, FlowSettings } from './options.ts'

export interface CloseOptions {
  /** ms to write everything out; `Infinity` waits for as long as it takes. @default 30000 */
  readonly timeout?: number
}

/** What became of the rows of a flow. */
export interface CloseSummary {
  readonly committed: number
  /** Rows that failed for good, dead letters included. */
  readonly failed: number
  /** Rows accepted but not settled when time ran out. */
  readonly abandoned: number
  /** The abandoned rows; rows merged into one (same conflict key) appear as that one. */
  readonly abandonedRows: readonly { readonly table: string; readonly row: Row }[]
}

/** From open to closed, and what becomes of rows on the way: the ledger of a flow. */
export class Lifecycle implements DispatchHost {
  readonly dispatcher: Dispatcher
  /** Rows may be submitted. */
  open = true
  /** `close()` was called, or there is nothing left to close. */
  #closing = false
  readonly #settings: FlowSettings
  readonly #intake: Intake
  readonly #lanes: Lanes
  readonly #telemetry: FlowTelemetry
  readonly #deadline: Timer
  readonly #outOfTime = new AbortController()
  readonly #closed: Promise<CloseSummary>
  #resolve!: (summary: CloseSummary) => void
  #unlisten: (() => void) | undefined
  #timeout = 0
  #warned = false
  #committed = 0
  #failed = 0
  #abandoned = 0
  readonly #abandonedRows: { table: string; row: Row }[] = []

  constructor(executor: Executor, settings: FlowSettings, intake: Intake, lanes: Lanes, telemetry: FlowTelemetry) {
    this.#settings = settings
    this.#intake = intake
    this.#lanes = lanes
    this.#telemetry = telemetry
    this.dispatcher = new Dispatcher(executor, settings.clock, this)
    this.#deadline = settings.clock.timer(() => this.#abandon())
    this.#closed = new Promise((resolve) => (this.#resolve = resolve))
    if (settings.signal?.aborted) this.#onAbort()
    else if (settings.signal !== undefined) this.#unlisten = onAbort(settings.signal, this.#onAbort)
  }

  close(options: CloseOptions = {}): Promise<CloseSummary> {
    knownKeys('close', options, ['timeout'])
    const { timeout = 30_000 } = options
    number('close: timeout', timeout, 0, Number.POSITIVE_INFINITY)
    if (!this.#closing) {
      this.#closing = true
      this.open = false
      this.#timeout = timeout
      if (timeout <= MAX_DELAY) this.#deadline.start(timeout)
      this.#drain()
    }
    return this.#closed
  }

  get tracing(): FlowTracing | undefined {
    return this.#telemetry.tracing
  }

  underPressure(): Lane | undefined {
    if (this.#intake.room > 0) return undefined
    const lane = this.#lanes.fullest()
    // A few rows are not worth a slot while batches under way are about to make room.
    const worthIt = this.dispatcher.unsettled.size === 0 || (lane?.available ?? 0) * 8 >= this.#settings.flushSize
    return worthIt ? lane : undefined
  }

  async bury(lane: Lane, run: BatchRun): Promise<void> {
    run.batch.metrics?.countError('final', run.reason ?? 'unknown')
    const letters: DeadLetter[] = []
    for (const [index, error] of run.failures) {
      const row = run.batch.rows[index]!
      if (error.cause instanceof AbandonedError) this.#abandonedRows.push({ table: lane.table.name, row })
      else letters.push({ table: lane.table.name, row, error })
    }
    if (letters.length === 0) return
    if (this.#settings.deadLetter === undefined) this.#warnIfUnheard(lane, run)
    else await this.#hand(letters, run.batch)
  }

  settle(lane: Lane, run: BatchRun): void {
    const { batch, failures } = run
    let failed = 0
    for (const [index, error] of failures) {
      const rows = batch.weightOf(index)
      failed += rows
      if (error.cause instanceof AbandonedError) this.#abandoned += rows
      else this.#failed += rows
    }
    this.#committed += batch.accepted - failed
    this.#report(run, failed)
    this.#settings.log?.settled(run, failed, this.#settings.clock.now() - batch.leftAt)
    const receipt: Receipt = Object.freeze({
      table: lane.table.name,
      rows: batch.rows.length,
      attempts: run.attempts,
      ...run.ids,
    })
    batch.settle(receipt, (index) => errorFor(failures.get(index)))
    lane.settled(batch)
    this.#intake.release(batch.accepted)
    if (this.#intake.room <= 0) this.dispatcher.pump()
    if (!this.open) this.#drain()
  }

  #report({ batch }: BatchRun, failed: number): void {
    const { metrics } = batch
    if (metrics === undefined) return
    const status = failed > 0 ? 'fail' : 'success'
    metrics.countBatch(status)
    if (failed < batch.accepted) metrics.countRecords('success', batch.accepted - failed)
    if (failed > 0) metrics.countRecords('fail', failed)
    metrics.observeProcessDuration((this.#settings.clock.now() - batch.leftAt) / 1000, status)
  }

  async #hand(letters: readonly DeadLetter[], { metrics }: Batch): Promise<void> {
    try {
      const handed = this.#settings.deadLetter!(letters)
      if (handed !== undefined) await untilAborted(Promise.resolve(handed), this.#outOfTime.signal)
      const counts = new Map<string, number>()
      for (const { error } of letters) counts.set(error.reason, (counts.get(error.reason) ?? 0) + 1)
      for (const [reason, rows] of counts) metrics?.countDeadLetters(reason, rows)
    } catch (error) {
      diag.error('batchflow-otel: the deadLetter handler failed; its rows count as failed only', error)
      this.#warn(`the deadLetter handler failed for ${counted(letters.length, 'row')} of table ${letters[0]!.table}`)
    }
  }

  #warnIfUnheard(lane: Lane, { batch, failures, reason, code }: BatchRun): void {
    const awaited = batch.awaited()
    const unheard = Array.from(failures.keys()).filter((index) => !awaited.has(index)).length
    if (unheard === 0) return
    const why = code === undefined ? reason : `${reason}, ${code}`
    this.#warn(
      `${counted(unheard, 'row')} of table ${lane.table.name} failed (${why}) and nobody was told: ` +
        'give BatchFlow a deadLetter handler, or use write()',
    )
  }

  /** Once per flow: the metrics count every further one. */
  #warn(message: string): void {
    if (this.#warned) return
    this.#warned = true
    process.emitWarning(message, { type: 'BatchFlowWarning', code: 'BATCHFLOW_ROWS_FAILED' })
  }

  #drain(): void {
    for (const lane of this.#lanes.waiting) lane.expedite('close')
    if (this.#intake.outstanding > 0) return
    this.#closing = true
    this.#deadline.stop()
    this.#unlisten?.()
    for (const lane of this.#lanes) lane.dispose()
    this.dispatcher.dispose()
    this.#telemetry.close()
    this.#resolve({
      committed: this.#committed,
      failed: this.#failed,
      abandoned: this.#abandoned,
      abandonedRows: this.#abandonedRows,
    })
  }

  readonly #onAbort = () => {
    this.open = false
    const reason = this.#settings.signal?.reason
    this.#intake.refuseAll(new AbortedError('the flow was aborted; the row was not accepted', reason))
    this.dispatcher.stop(new AbortedError('the flow was aborted', reason, true))
    this.#drain()
  }

  #abandon(): void {
    const error = new AbandonedError(this.#timeout)
    const message = `this BatchFlow was closed, and no room came free within ${this.#timeout} ms; the row was not accepted`
    this.#intake.refuseAll(new ClosedError(message))
    this.dispatcher.stop(error)
    this.#outOfTime.abort(error)
  }
}

function errorFor(failure: RowFailedError | undefined) {
  return failure?.cause instanceof AbandonedError ? failure.cause : failure
}

/** `promise`, unless `signal` is aborted first. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    const unlisten = onAbort(signal, () => reject(signal.reason))
    promise.then(resolve, reject).finally(unlisten)
  })
}
