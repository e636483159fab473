import type { SpanContext } from '@opentelemetry/api'
import type { RowFailedError } from '../contract/errors.ts'
import type { FlushTrigger, RejectReason, TableMetrics, TableProbe } from '../contract/metrics-reporter.ts'
import { isTooLong } from '../contract/reasons.ts'
import type { Row, Table } from '../contract/table.ts'
import type { FlowTracing } from '../contract/tracing.ts'
import { Bag } from '../support/bag.ts'
import type { Clock, Timer } from '../support/clock.ts'
import { Limit } from '../support/limit.ts'
import { Batch, UNTIMED } from './batch.ts'
import { BatchSize } from './batch-size.ts'
import { RowScale } from './row-scale.ts'
import { Tally } from './tally.ts'
import type { Waiter } from './waiter.ts'
import { NOT_SAMPLED, Watch } from './watch.ts'

/** What a lane needs of its flow. */
export interface LaneHost {
  readonly clock: Clock
  /** What goes into a batch; another one where the flow finds its own `flushSize`. */
  limit: Limit
  /** ms */
  readonly flushInterval: number
  /** Only whether there is one: then batches note when they leave. */
  readonly log: object | undefined
  /** One row in this many has its latencies taken, on average. */
  readonly sampling: number
  /** How many rows were accepted until now; only where the oldest ones may have to make room. */
  readonly age: (() => number) | undefined
  /** Lanes that got rows since they were last flushed. */
  readonly waiting: Set<Lane>
  /** The lane has a batch that must leave. */
  schedule(lane: Lane): void
}

/**
 * One table's buffer. A batch leaves when it is full, `flushInterval` ms after its first row, or when the flow asks.
 * How rows become batches is the subclass's business.
 */
export abstract class Lane {
  readonly table: Table
  metrics: TableMetrics | undefined
  tracing: FlowTracing | undefined
  /** Something is kept of every row: where it came from, or when. */
  protected notes: boolean
  /** The lane is in the flow's queue of those that have something due. */
  scheduled = false
  /** Rows accepted and not yet handed to the executor, but for those that were before: these are in flight all the time. */
  queued = 0
  /** How many of the rows that wait were kept when they came before. */
  protected again = 0
  readonly tally = new Tally()
  /** Batches that hold a slot. */
  executing = 0
  /** Batches that left and are not settled. */
  readonly #away = new Bag<Batch>()
  protected readonly host: LaneHost
  protected readonly timer: Timer
  protected readonly scale: RowScale
  /** What goes into a batch, in bytes of memory. */
  protected limit: Limit
  readonly #size: BatchSize
  protected readonly watch: Watch

  constructor(table: Table, host: LaneHost) {
    this.table = table
    this.host = host
    this.limit = host.limit
    this.#size = new BatchSize(host.limit.rows)
    this.notes = host.age !== undefined
    this.scale = new RowScale(table.columns)
    this.watch = new Watch(host.clock, host.sampling)
    this.timer = host.clock.timer(() => this.flush('interval'))
  }

  /** Says who watches from now on. */
  observe(metrics: TableMetrics | undefined, tracing: FlowTracing | undefined): void {
    if (metrics !== undefined) this.watch.begin(this.metrics === undefined)
    this.metrics = metrics
    this.tracing = tracing
    this.notes = tracing !== undefined || this.host.age !== undefined
  }

  /** Nothing waits, and nothing is on its way. */
  get idle(): boolean {
    return this.queued === 0 && this.tally.inFlight === 0 && this.#away.size === 0
  }

  /** A batch must leave. */
  abstract get due(): boolean
  /** Which part of a batch would leave if the lane were flushed now. */
  abstract get fill(): number
  /** The age of its oldest row that waits, `Infinity` where none does. */
  abstract get oldest(): number
  /**
   * Takes an accepted row of `bytes`; returns how many more the lane holds with it. `sampledAt`: accept time in ms, or
   * `NOT_SAMPLED`. `origin`: the span it comes from.
   */
  protected abstract add(
    row: Row,
    waiter: Waiter | undefined,
    sampledAt: number,
    origin: SpanContext | undefined,
    bytes: number,
  ): number
  /** All that is buffered now becomes due. */
  abstract flush(trigger: FlushTrigger): void
  /** `waiter` hears of every row that is buffered now, once per row or group of rows; returns how often. */
  abstract attachToAll(waiter: Waiter): number
  /** The next batch for the executor, if any row may go now. */
  abstract take(): Batch | undefined
  /** When the rows that wait were accepted (ms, or `UNTIMED`), one time per batch or key, the one that would be dropped first. */
  protected abstract times(): Iterable<number>
  /** Moves the oldest row that waits, and those merged into it, to `dropped`; none where none waits any more. */
  protected abstract shift(dropped: Batch): void

  /** The oldest row that waits leaves to be dropped, with those that are `dropped` already. It may be gone as that is done. */
  drop(dropped = this.#beginToDrop()): Batch {
    const { accepted } = dropped
    this.shift(dropped)
    if (dropped.accepted > accepted) this.handOver(dropped.accepted - accepted)
    if (accepted === 0 && dropped.accepted > 0) this.#away.add(dropped)
    return dropped
  }

  #beginToDrop(): Batch {
    const dropped = new Batch(this.table)
    const [since = UNTIMED] = this.times()
    dropped.metrics = this.metrics
    dropped.since = since
    return dropped
  }

  /** All rows that wait leave, as rows they are behind come again: they do so behind them. @param recalled those that left before */
  recall(recalled?: Batch): Batch | undefined {
    let behind = recalled
    for (let rows = -1; this.queued + this.again > 0 && rows < (behind?.accepted ?? 0); ) {
      rows = behind?.accepted ?? 0
      behind = this.drop(behind)
    }
    return behind
  }

  /** Rows of `batch` come again, as they failed. What takes longer than it may would do so for ever: it comes in halves. */
  kept(batch: Batch, { reason }: RowFailedError): void {
    if (isTooLong(reason)) this.#size.tooLong(batch.rows.length)
  }

  /** The batch is settled: rows that had to stay behind it may go. `sent`: how many bytes it was, where that is known. */
  settled(batch: Batch, sent?: number): void {
    this.#away.delete(batch)
    if (batch.kept === 0 && batch.trigger === 'size') this.#size.wentWell()
    const { rows } = this.#size
    if (sent !== undefined) this.limit = new Limit(rows, this.host.limit.bytes * this.scale.learn(batch.bytes, sent))
    else if (rows !== this.limit.rows) this.limit = new Limit(rows, this.limit.bytes)
  }

  /** The flow wants another number of rows in a batch. */
  resize(): void {
    this.#size.allow(this.host.limit.rows)
    this.limit = new Limit(this.#size.rows, this.limit.bytes)
  }

  /** So many rows wait no longer: they are in a batch that left. */
  protected handOver(rows: number): void {
    const again = Math.min(this.again, rows)
    this.again -= again
    this.queued -= rows - again
    this.tally.inFlight += rows - again
    this.metrics?.countAccepted?.(rows - again)
  }

  /** Rows that were kept come no more. @param isWritten somebody else has written them: nothing was changed by them here */
  letGo(rows: number, isWritten: boolean): void {
    this.tally.inFlight -= rows
    if (isWritten) {
      this.tally.committed += rows
      this.tally.superseded += rows
      this.metrics?.countSuperseded?.(rows)
    } else this.tally.abandoned += rows
    this.metrics?.countRecords(isWritten ? 'success' : 'fail', rows)
  }

  /** A row is refused. */
  reject(reason: RejectReason): void {
    this.tally.rejected++
    this.metrics?.countRejected(reason, 1)
  }

  /** Reports that `batch` leaves. */
  protected leave(batch: Batch): void {
    const { metrics, table } = this
    this.#away.add(batch)
    if (metrics !== undefined || this.host.log !== undefined) batch.leftAt = this.host.clock.now()
    if (metrics === undefined) return
    batch.metrics = metrics
    for (const accepted of batch.samples ?? []) metrics.observeDequeueLatency((batch.leftAt - accepted) / 1000)
    metrics.countFlush(batch.trigger)
    metrics.observeBatchSize(batch.rows.length)
    const merged = batch.accepted - batch.rows.length
    if (merged <= 0 || table.action === 'error') return
    metrics.countCoalesced(table.action === 'sql' ? 'replace' : table.action, merged) // by deletions, which take their place
  }

  /** The time `submit` was called, for a row that is sampled, else `NOT_SAMPLED`. */
  draw(): number {
    return this.metrics === undefined ? NOT_SAMPLED : this.watch.draw()
  }

  /** How it is now. */
  probe(): TableProbe {
    const { table, queued, tally, executing } = this
    const oldestAge = this.watch.ageOf(this.#allTimes())
    return { table: table.name, queued, inFlight: tally.inFlight, batches: executing, oldestAge }
  }

  /** When the rows that are not settled were accepted. */
  *#allTimes(): Iterable<number> {
    for (const { since } of this.#away) yield since
    yield* this.times()
  }

  /** About how many bytes of memory a row takes that is submitted now. */
  weigh(row: Row): number {
    return this.scale.weigh(row)
  }

  /**
   * Takes a row; returns how many bytes the lane holds more than before. `calledAt` is what {@link draw} said when it was
   * submitted, `origin` the span it comes from, `bytes` what {@link weigh} said.
   */
  accept(
    row: Row,
    waiter: Waiter | undefined,
    calledAt: number,
    origin: SpanContext | undefined,
    bytes: number,
  ): number {
    const sampledAt = calledAt === NOT_SAMPLED ? NOT_SAMPLED : this.#endWait(calledAt)
    if (waiter?.again !== true) return this.add(row, waiter, sampledAt, origin, bytes)
    this.#countAgain(1) // before it may leave
    waiter.again = false
    try {
      return this.add(row, waiter, sampledAt, origin, bytes)
    } catch (error) {
      this.#countAgain(-1)
      waiter.again = true
      throw error
    }
  }

  #countAgain(rows: number): void {
    this.queued -= rows
    this.again += rows
  }

  /** Reports how long a sampled row waited to be accepted; returns the time of that. */
  #endWait(calledAt: number): number {
    const now = this.host.clock.now()
    this.metrics?.observeEnqueueLatency((now - calledAt) / 1000)
    return now
  }

  /** The origin of a row that is submitted now. */
  origin(): SpanContext | undefined {
    return this.tracing?.capture()
  }

  dispose(): void {
    this.timer.stop()
  }
}
