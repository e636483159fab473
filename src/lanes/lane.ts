import type { SpanContext } from '@opentelemetry/api'
import type { FlushTrigger, RejectReason, TableMetrics, TableProbe } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import type { FlowTracing } from '../contract/tracing.ts'
import { Bag } from '../support/bag.ts'
import type { Clock, Timer } from '../support/clock.ts'
import { Limit } from '../support/limit.ts'
import { Batch, UNTIMED, type Waiter } from './batch.ts'
import { RowScale } from './row-scale.ts'
import { Tally } from './tally.ts'

/** What a lane needs of its flow. */
export interface LaneHost {
  readonly clock: Clock
  /** What goes into a batch. */
  readonly limit: Limit
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

/** A row whose latencies nobody takes has this for a time. */
export const NOT_SAMPLED = -1

/** The most rows from one that is sampled to the next. */
const MOST_APART = 2 ** 30

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
  /** Rows accepted and not yet handed to the executor. */
  queued = 0
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
  /** Rows until the next sampled one. */
  #skip = 0
  /** Since when anybody watches (ms): how old rows are that came before is not known. */
  #watchedSince = 0

  constructor(table: Table, host: LaneHost) {
    this.table = table
    this.host = host
    this.limit = host.limit
    this.notes = host.age !== undefined
    this.scale = new RowScale(table.columns)
    this.timer = host.clock.timer(() => this.flush('interval'))
  }

  /** Says who watches from now on. */
  observe(metrics: TableMetrics | undefined, tracing: FlowTracing | undefined): void {
    if (this.metrics === undefined && metrics !== undefined) this.#watchedSince = this.host.clock.now()
    this.metrics = metrics
    this.tracing = tracing
    this.notes = tracing !== undefined || this.host.age !== undefined
    if (metrics !== undefined) this.#skip = geometric(this.host.sampling)
  }

  /** Nothing waits, and nothing is on its way. */
  get idle(): boolean {
    return this.queued === 0 && this.#away.size === 0
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
  /** Moves the oldest row that waits, and those merged into it, to `dropped`. */
  protected abstract shift(dropped: Batch): void

  /** The oldest row that waits leaves to be dropped, with those that are `dropped` already. */
  drop(dropped = this.#beginToDrop()): Batch {
    const { accepted } = dropped
    this.shift(dropped)
    this.handOver(dropped.accepted - accepted)
    return dropped
  }

  #beginToDrop(): Batch {
    const dropped = new Batch(this.table)
    const [since = UNTIMED] = this.times()
    dropped.metrics = this.metrics
    dropped.since = since
    this.#away.add(dropped)
    return dropped
  }

  /** The batch is settled: rows that had to stay behind it may go. `sent`: how many bytes it was, where that is known. */
  settled(batch: Batch, sent?: number): void {
    this.#away.delete(batch)
    if (sent === undefined) return
    const { rows, bytes } = this.host.limit
    this.limit = new Limit(rows, bytes * this.scale.learn(batch.bytes, sent))
  }

  /** So many rows wait no longer: they are in a batch that left. */
  protected handOver(rows: number): void {
    this.queued -= rows
    this.tally.inFlight += rows
    this.metrics?.countAccepted?.(rows)
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
    if (merged > 0 && table.action !== 'error') metrics.countCoalesced(table.action, merged)
  }

  /**
   * The time `submit` was called, for one row in `sampling` drawn at random, else `NOT_SAMPLED`. Geometric gaps carried
   * across batches give every row the same chance, whatever the size of its batch.
   */
  draw(): number {
    if (this.metrics === undefined || --this.#skip > 0) return NOT_SAMPLED
    this.#skip = geometric(this.host.sampling)
    return this.host.clock.now()
  }

  /** How it is now. */
  probe(): TableProbe {
    const { table, queued, tally, executing } = this
    return { table: table.name, queued, inFlight: tally.inFlight, batches: executing, oldestAge: this.#oldestAge() }
  }

  /** In seconds; `undefined` where no row is unsettled. */
  #oldestAge(): number | undefined {
    let oldest = Number.POSITIVE_INFINITY
    const see = (since: number) => {
      oldest = Math.min(oldest, since === UNTIMED ? this.#watchedSince : since)
    }
    for (const { since } of this.#away) see(since)
    for (const since of this.times()) see(since)
    return oldest === Number.POSITIVE_INFINITY ? undefined : (this.host.clock.now() - oldest) / 1000
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
    return this.add(row, waiter, calledAt === NOT_SAMPLED ? NOT_SAMPLED : this.#endWait(calledAt), origin, bytes)
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

/** Trials until the first success at probability 1/`mean`, as the engine keeps small whole numbers: it is counted down per row. */
function geometric(mean: number): number {
  if (mean === 1) return 1
  return Math.min(Math.ceil(Math.log1p(-Math.random()) / Math.log1p(-1 / mean)) || 1, MOST_APART) | 0
}
