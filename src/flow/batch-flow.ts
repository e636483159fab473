import type { Writable } from 'node:stream'
import type { SpanContext } from '@opentelemetry/api'
import { AbortedError, ClosedError, InvalidRowError } from '../contract/errors.ts'
import type { Row, Table } from '../contract/table.ts'
import type { FlowTracing } from '../contract/tracing.ts'
import type { Executor } from '../executor/executor.ts'
import type { Receipt, Waiter } from '../lanes/batch.ts'
import type { Lane } from '../lanes/lane.ts'
import { Lanes } from '../lanes/lanes.ts'
import { implementing } from '../support/options.ts'
import { Intake } from './intake.ts'
import { type CloseOptions, type CloseSummary, Lifecycle } from './lifecycle.ts'
import { FlowTelemetry } from './observers.ts'
import { type BatchFlowOptions, type FlowSettings, flowSettings } from './options.ts'
import { RowWritable } from './row-writable.ts'
import { AllSettled, AllWaiter, PromiseWaiter } from './waiters.ts'

export interface SubmitOptions {
  /** Ends the wait. A row that was accepted before stays accepted and will be settled. */
  readonly signal?: AbortSignal | undefined
}

const ACCEPTED = Promise.resolve()

/**
 * Collects rows per table and writes them in batches.
 *
 * A row object belongs to the flow from the moment it is submitted until it is settled: it is kept, not copied, so do
 * not change it meanwhile. Every accepted row is settled: committed, failed with its own error, handed to `deadLetter`,
 * or returned by `close()`.
 */
export class BatchFlow implements AsyncDisposable {
  readonly #settings: FlowSettings
  readonly #intake: Intake
  readonly #lanes: Lanes
  readonly #telemetry: FlowTelemetry
  readonly #life: Lifecycle

  /** @throws {OptionError} naming the option, the value received and what is allowed */
  constructor(executor: Executor, options: BatchFlowOptions = {}) {
    this.#settings = flowSettings(options, executor)
    this.#intake = new Intake(this.#settings.bufferSize)
    const host = { ...this.#settings, schedule: (lane: Lane) => this.#life.dispatcher.schedule(lane) }
    this.#lanes = new Lanes(host, () => this.#telemetry)
    this.#telemetry = new FlowTelemetry(executor, this.#lanes)
    this.#telemetry.start()
    this.#life = new Lifecycle(executor, this.#settings, this.#intake, this.#lanes, this.#telemetry)
  }

  /**
   * Hands a row over. Resolves when it is accepted, which is at once unless the buffer is full; then callers are served
   * in the order they came. What becomes of the row afterwards is told by metrics and `deadLetter`; `write` waits for it.
   *
   * @throws {ClosedError} after `close()`
   * @throws {AbortedError} when `signal` is aborted before the row is accepted
   */
  submit<R extends Row>(table: Table<R>, row: NoInfer<R>, options?: SubmitOptions): Promise<void> {
    return this.#offer(table, row, undefined, options?.signal)
  }

  /**
   * Hands a row over and resolves when it is committed. Every call costs a promise; `submit` costs none.
   *
   * @throws {RowFailedError} when the row failed for good; its `cause` is the database's error
   * @throws {ClosedError} after `close()`
   * @throws {AbortedError} when `signal` is aborted before the row is settled
   */
  write<R extends Row>(table: Table<R>, row: NoInfer<R>, options?: SubmitOptions): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const signal = options?.signal
      const waiter = new PromiseWaiter(resolve, reject, this.#telemetry.tracing?.captureSpan())
      const accepted = this.#offer(table, row, waiter, signal)
      if (signal !== undefined) accepted.then(() => waiter.listen(signal), reject)
      else if (accepted !== ACCEPTED) accepted.catch(reject)
    })
  }

  /**
   * Takes the row if there is room, without waiting: `false` means the buffer is full and the row was not accepted.
   *
   * @throws {ClosedError} after `close()`
   */
  trySubmit<R extends Row>(table: Table<R>, row: NoInfer<R>): boolean {
    const lane = this.#lanes.of(table)
    if (!this.#accepts(row)) throw this.#refusal(lane, row)
    if (this.#intake.room > 0) {
      this.#admit(lane, row, undefined, lane.draw(), lane.origin())
      return true
    }
    lane.metrics?.countRejected('full', 1)
    return false
  }

  /**
   * Hands rows over in order, waiting for room as `submit` does; resolves when the last one is accepted. For tracing they
   * all come from the span that is active when it is called.
   */
  async submitMany<R extends Row>(table: Table<R>, rows: Iterable<NoInfer<R>>, options?: SubmitOptions): Promise<void> {
    const call = new Call()
    for (const row of rows) {
      const accepted = this.#offer(table, row, undefined, options?.signal, call)
      if (accepted !== ACCEPTED) await accepted
    }
  }

  /**
   * Hands rows over in order and resolves when all are settled, with what became of each: like `Promise.allSettled` over
   * `write`, at a fraction of its cost. A row that could not even be accepted is `rejected` as well, and when `signal` is
   * aborted so is each that is not settled yet.
   */
  async writeMany<R extends Row>(
    table: Table<R>,
    rows: Iterable<NoInfer<R>>,
    options?: SubmitOptions,
  ): Promise<PromiseSettledResult<Receipt>[]> {
    const all = new AllSettled()
    const call = new Call()
    for (const row of rows) {
      const waiter = all.next()
      const accepted = this.#offer(table, row, waiter, options?.signal, call)
      if (accepted !== ACCEPTED) await accepted.catch((error) => waiter.failed(error))
    }
    return all.results(options?.signal)
  }

  /**
   * A Node stream that submits what is written to it, with backpressure. It finishes when all its rows are settled, and
   * fails if any of them failed.
   */
  writable<R extends Row>(table: Table<R>): Writable {
    return new RowWritable(table.name, (row, waiter) => this.#offer(table, row, waiter, undefined))
  }

  /** Sends what is buffered now without waiting for full batches; resolves when it is settled, failed rows included. */
  flush(): Promise<void> {
    const all = new AllWaiter()
    for (const lane of this.#lanes) all.expect(lane.attachToAll(all))
    for (const batch of this.#life.dispatcher.unsettled) {
      batch.attach(0, all)
      all.expect(1)
    }
    for (const lane of this.#lanes) lane.expedite('manual')
    return all.settled()
  }

  /**
   * Accepts no more rows, lets in those that already wait, writes everything out and says what became of all rows of
   * this flow. Calling it again returns the same promise. The user's client is not closed.
   *
   * Rows that are not settled after `timeout` ms are given up: what runs is cancelled (which may take up to 5 s more),
   * and they are returned as `abandonedRows`.
   */
  close(options?: CloseOptions): Promise<CloseSummary> {
    return this.#life.close(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #offer(
    table: Table,
    row: Row,
    waiter: Waiter | undefined,
    signal: AbortSignal | undefined,
    call?: Call,
  ): Promise<void> {
    try {
      const lane = this.#lanes.of(table)
      if (signal !== undefined) implementing('signal', signal, ['addEventListener'])
      if (!this.#accepts(row) || signal?.aborted) return Promise.reject(this.#refusal(lane, row, signal))
      const calledAt = lane.draw()
      const origin = call === undefined ? lane.origin() : call.originOf(lane)
      if (this.#intake.room <= 0) return this.#intake.wait(lane, row, waiter, calledAt, origin, signal)
      this.#admit(lane, row, waiter, calledAt, origin)
      return ACCEPTED
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #accepts(row: unknown): boolean {
    return typeof row === 'object' && row !== null && this.#life.open
  }

  #admit(lane: Lane, row: Row, waiter: Waiter | undefined, calledAt: number, origin: SpanContext | undefined): void {
    this.#intake.admit(lane, row, waiter, calledAt, origin)
    if (this.#intake.room <= 0) this.#life.dispatcher.pump()
  }

  /** Why a row is not accepted, counted. */
  #refusal(lane: Lane, row: unknown, signal?: AbortSignal): Error {
    if (typeof row !== 'object' || row === null) {
      lane.metrics?.countRejected('invalid', 1)
      return new InvalidRowError(
        `a row of table ${JSON.stringify(lane.table.name)} must be an object, received ${row === null ? 'null' : typeof row}`,
      )
    }
    if (this.#life.open && signal?.aborted) {
      lane.metrics?.countRejected('context', 1)
      return new AbortedError('submit was aborted; the row was not accepted', signal.reason)
    }
    lane.metrics?.countRejected('closed', 1)
    return new ClosedError()
  }
}

/** Rows of one call come from one place, which is asked for once, and again when somebody else has begun to trace. */
class Call {
  #tracing: FlowTracing | undefined
  #origin: SpanContext | undefined

  originOf(lane: Lane): SpanContext | undefined {
    if (lane.tracing !== this.#tracing) {
      this.#tracing = lane.tracing
      this.#origin = lane.origin()
    }
    return this.#origin
  }
}
