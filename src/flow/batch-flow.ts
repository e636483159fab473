import type { Writable } from 'node:stream'
import { type Change, type Deletion, type DeletionKey, deletion } from '../contract/deletion.ts'
import type { Row, Table } from '../contract/table.ts'
import type { Executor } from '../executor/executor.ts'
import type { Lanes } from '../lanes/lanes.ts'
import type { Receipt, Receiver } from '../lanes/waiter.ts'
import { implementing } from '../support/validate.ts'
import { assemble, type Parts } from './assembly.ts'
import { Given } from './call.ts'
import { type DeliverOptions, deliverOptions, signalOf } from './call-options.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Flow, SubmitOptions } from './flow.ts'
import { ACCEPTED, type Intake } from './intake.ts'
import type { CloseOptions, Lifecycle } from './lifecycle.ts'
import type { Observers } from './observers.ts'
import { OneCall } from './one-call.ts'
import { type BatchFlowOptions, flowSettings } from './options.ts'
import type { CloseSummary } from './outcomes.ts'
import { deletionsOf, handOver, type Rows } from './row-source.ts'
import { RowWritable } from './row-writable.ts'
import type { FlowStats, Stats } from './stats.ts'
import { AllSettled, AllWaiter, PromiseWaiter } from './waiters.ts'

const isReceiver = implementing<Receiver>('a receiver', 'committed', 'failed')

/** What those see of a flow who are built on it, and its user does not. */
export type Inside = Pick<Parts, 'intake' | 'lanes' | 'observers'>

let inside: (flow: BatchFlow) => Inside

/** @internal */
export function insideOf(flow: BatchFlow): Inside {
  return inside(flow)
}

/**
 * Collects rows per table and writes them in batches.
 *
 * A row object belongs to the flow from the moment it is submitted until it is settled: it is kept, not copied, so do
 * not change it meanwhile. Every accepted row is settled: committed, failed with its own error, handed to `deadLetter`,
 * or returned by `close()`.
 */
export class BatchFlow implements Flow {
  readonly #intake: Intake
  readonly #lanes: Lanes
  readonly #observers: Observers
  readonly #dispatcher: Dispatcher
  readonly #lifecycle: Lifecycle
  readonly #stats: Stats
  /** The origin told last: rows of one message come one after the other. */
  #given = Given.none

  static {
    inside = (flow) => ({ intake: flow.#intake, lanes: flow.#lanes, observers: flow.#observers })
  }

  /** @throws {OptionError} naming the option, the value received and what is allowed */
  constructor(executor: Executor, options: BatchFlowOptions = {}) {
    const settings = flowSettings(options, executor)
    const engine = settings.check ? executor.checking() : executor
    const { intake, lanes, observers, dispatcher, lifecycle, stats } = assemble(this, engine, settings)
    this.#intake = intake
    this.#lanes = lanes
    this.#observers = observers
    this.#dispatcher = dispatcher
    this.#lifecycle = lifecycle
    this.#stats = stats
  }

  /**
   * Hands a row over. Resolves when it is accepted, which is at once unless the buffer is full; then callers are served
   * in the order they came. What becomes of the row afterwards is told by metrics and `deadLetter`; `write` waits for it.
   *
   * @throws {ClosedError} after `close()`
   * @throws {FullError} when there is no room and the flow's `overflow` is `reject`
   * @throws {AbortedError} when `signal` is aborted before the row is accepted
   */
  submit<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SubmitOptions): Promise<void> {
    try {
      return this.#intake.submit(this.#lanes.of(table), row, undefined, signalOf('submit', options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Hands a row over and resolves when it is committed. Every call costs a promise; `submit` costs none.
   *
   * @throws {RowFailedError} when the row failed for good; its `cause` is the database's error
   * @throws {AbandonedError} when `close()` gave the row up and no `deadLetter` took it
   * @throws {ClosedError} after `close()`
   * @throws {FullError} when there is no room and the flow's `overflow` is `reject`
   * @throws {AbortedError} when `signal` is aborted before the row is settled
   */
  write<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SubmitOptions): Promise<Receipt> {
    try {
      const signal = signalOf('write', options)
      const waiter = new PromiseWaiter(this.#observers.tracing?.captureSpan())
      const accepted = this.#intake.submit(this.#lanes.of(table), row, waiter, signal)
      if (accepted !== ACCEPTED || signal !== undefined) waiter.watch(accepted, signal)
      return waiter.promise
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Takes the row if there is room, without waiting: `false` means the buffer is full and the row was not accepted.
   *
   * @throws {ClosedError} after `close()`
   */
  trySubmit<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>): boolean {
    return this.#intake.trySubmit(this.#lanes.of(table), row)
  }

  /**
   * Hands a row over as `submit` does, and tells `receiver` what became of it once it is settled: for sources of rows that
   * have to know, at no cost of a promise per row. One receiver may be given with many rows; it then hears once for each. It is
   * not told of a row that is not accepted, for which the promise rejects. A receiver waits for its row as `write` does: its
   * failure is told to it, and to `deadLetter` where there is one. What it throws is logged.
   *
   * ```ts
   * await flow.deliver(users, row, { committed: () => acknowledge(message), failed: (error) => putAside(message, error) })
   * ```
   *
   * @throws {OptionError} when `receiver` lacks one of the two methods
   * @throws {ClosedError} after `close()`
   * @throws {FullError} when there is no room and the flow's `overflow` is `reject`
   * @throws {AbortedError} when `signal` is aborted before the row is accepted
   */
  deliver<R extends Row>(
    table: Table<R>,
    row: Change<NoInfer<R>>,
    receiver: Receiver,
    options?: DeliverOptions,
  ): Promise<void> {
    try {
      const { signal, origin } = deliverOptions(options)
      if (origin !== this.#given.origin) this.#given = new Given(origin)
      const waiter = isReceiver('deliver: receiver', receiver)
      return this.#intake.submit(this.#lanes.of(table), row, waiter, signal, this.#given)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Hands rows over in order, waiting for room as `submit` does; resolves when the last one is accepted. For tracing they
   * all come from the span that is active when it is called. What `rows` itself throws is passed on; the rows before that
   * are accepted and will be settled.
   *
   * @throws {ClosedError} after `close()`
   * @throws {FullError} at the first row that finds no room, when the flow's `overflow` is `reject`
   * @throws {AbortedError} when `signal` is aborted before the last row is accepted
   */
  async submitMany<R extends Row>(
    table: Table<R>,
    rows: Rows<Change<NoInfer<R>>>,
    options?: SubmitOptions,
  ): Promise<void> {
    const signal = signalOf('submitMany', options)
    await handOver('submitMany', rows, new OneCall(inside(this), table, signal))
  }

  /**
   * Hands rows over in order and resolves when all are settled, with what became of each: like `Promise.allSettled` over
   * `write`, at a fraction of its cost. A row that could not even be accepted is `rejected` as well, and when `signal` is
   * aborted so is each that is not settled yet. What `rows` itself throws is passed on; the rows before that will be settled.
   */
  async writeMany<R extends Row>(
    table: Table<R>,
    rows: Rows<Change<NoInfer<R>>>,
    options?: SubmitOptions,
  ): Promise<PromiseSettledResult<Receipt>[]> {
    const signal = signalOf('writeMany', options)
    const all = new AllSettled()
    await handOver('writeMany', rows, new OneCall(inside(this), table, signal, all))
    return all.results(signal)
  }

  /**
   * Deletes the row that has `key`, and resolves when that is committed, be there such a row or not. It keeps its order among the
   * rows of its key that were submitted before and after it. `submit(table, deletion(key))` does not wait for the commit.
   *
   * @param key the conflict keys of the table, and the version where it has `newer`: a row that is newer stays
   * @throws as `write` does, and {@link InvalidRowError} where the table takes no deletions, or `key` is not what it has
   */
  delete<R extends Row, K extends string>(
    table: Table<R, K>,
    key: DeletionKey<NoInfer<R>, NoInfer<K>>,
    options?: SubmitOptions,
  ): Promise<Receipt> {
    return this.write(table, deletion(key) as unknown as Deletion<R>, options)
  }

  /** Deletes the rows that have `keys`: to `delete` what `writeMany` is to `write`. */
  deleteMany<R extends Row, K extends string>(
    table: Table<R, K>,
    keys: Rows<DeletionKey<NoInfer<R>, NoInfer<K>>>,
    options?: SubmitOptions,
  ): Promise<PromiseSettledResult<Receipt>[]> {
    return this.writeMany(table, deletionsOf(keys) as Rows<unknown> as Rows<Deletion<R>>, options)
  }

  /**
   * A Node stream that submits what is written to it, with backpressure whatever the flow's `overflow` is. It finishes when
   * all its rows are settled, and fails if any of them failed.
   *
   * @throws {OptionError} when `table` was not made by `defineTable`
   */
  writable<R extends Row>(table: Table<R>): Writable {
    const { name } = this.#lanes.of(table).table
    return new RowWritable(name, (row, waiter) => this.#intake.submit(this.#lanes.of(table), row, waiter))
  }

  /** Sends what is buffered now without waiting for full batches; resolves when it is settled, failed rows included. */
  flush(): Promise<void> {
    const all = new AllWaiter()
    for (const lane of this.#lanes) all.expect(lane.attachToAll(all))
    for (const batch of this.#dispatcher.unsettled) {
      batch.attach(0, all)
      all.expect(1)
    }
    for (const lane of this.#lanes) lane.flush('manual')
    return all.settled()
  }

  /**
   * How the flow is now, and what became of its rows so far. Needs no reporter. At every moment `accepted` is `committed` +
   * `failed` + `abandoned` + `unsettled`. From the first call on, `lastCommitAt` is noted, once for each batch.
   */
  stats(): FlowStats {
    return this.#stats.take()
  }

  /**
   * Accepts no more rows, lets in those that already wait, writes everything out and says what became of all rows of
   * this flow. Calling it again returns the same promise. The user's client is not closed.
   *
   * Rows that are not settled after `timeout` ms are given up: what runs is cancelled (which may take up to 5 s more), and
   * they go to `deadLetter` (up to 10 s from then, the 5 s included), or are returned as `abandonedRows`.
   */
  close(options?: CloseOptions): Promise<CloseSummary> {
    return this.#lifecycle.close(options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
