import type { SpanContext } from '@opentelemetry/api'
import type { FlushTrigger, TableMetrics } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import type { FlowTracing } from '../contract/tracing.ts'
import type { Clock, Timer } from '../support/clock.ts'
import { Queue } from '../support/queue.ts'
import { Batch, type Waiter } from './batch.ts'
import { Shapes } from './coalesce.ts'
import { Origins } from './origins.ts'

/** What a lane needs of its flow. */
export interface LaneHost {
  readonly clock: Clock
  readonly flushSize: number
  /** ms */
  readonly flushInterval: number
  /** Only whether there is one: then batches note when they leave. */
  readonly log: object | undefined
  /** One row in this many has its latencies taken, on average. */
  readonly sampling: number
  /** Lanes that got rows since they were last expedited. */
  readonly waiting: Set<Lane>
  /** The lane has a batch that must leave. */
  schedule(lane: Lane): void
}

/** A row whose latencies nobody takes has this for a time. */
export const NOT_SAMPLED = -1

/**
 * One table's buffer. A batch leaves when it is full, `flushInterval` ms after its first row, or when the flow asks.
 * How rows become batches is the subclass's business.
 */
export abstract class Lane {
  readonly table: Table
  readonly shapes: Shapes
  metrics: TableMetrics | undefined
  tracing: FlowTracing | undefined
  /** In the flow's queue of lanes that have something due. */
  scheduled = false
  /** Rows accepted and not yet handed to the executor. */
  queued = 0
  protected readonly host: LaneHost
  protected readonly timer: Timer
  /** Rows until the next sampled one. */
  #skip = 0

  constructor(table: Table, host: LaneHost) {
    this.table = table
    this.shapes = new Shapes(table)
    this.host = host
    this.timer = host.clock.timer(() => this.expedite('interval'))
  }

  /** Says who watches from now on. */
  observe(metrics: TableMetrics | undefined, tracing: FlowTracing | undefined): void {
    this.metrics = metrics
    this.tracing = tracing
    if (metrics !== undefined) this.#skip = geometric(this.host.sampling)
  }

  /** A batch must leave. */
  abstract get due(): boolean
  /** Rows that would leave if the lane were expedited now. */
  abstract get available(): number
  /** Takes an accepted row. `sampledAt`: accept time in ms, or `NOT_SAMPLED`. `origin`: the span it comes from. */
  abstract add(row: Row, waiter: Waiter | undefined, sampledAt: number, origin: SpanContext | undefined): void
  /** All that is buffered now becomes due. */
  abstract expedite(trigger: FlushTrigger): void
  /** `waiter` hears of every row that is buffered now, once per row or group of rows; returns how often. */
  abstract attachToAll(waiter: Waiter): number
  /** The batch is settled: rows that had to stay behind it may go. */
  abstract settled(batch: Batch): void
  /** The next batch for the executor, if any row may go now. */
  abstract take(): Batch | undefined

  /** Reports that `batch` leaves. */
  protected leave(batch: Batch): void {
    const { metrics, table } = this
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

  /** Reports a sampled row's wait; returns its accept time. */
  accept(calledAt: number): number {
    if (calledAt === NOT_SAMPLED) return NOT_SAMPLED
    const now = this.host.clock.now()
    this.metrics?.observeEnqueueLatency((now - calledAt) / 1000)
    return now
  }

  /** Where a row comes from that is submitted now. */
  origin(): SpanContext | undefined {
    return this.tracing?.capture()
  }

  dispose(): void {
    this.timer.stop()
  }
}

/** Trials until the first success at probability 1/`mean`. */
function geometric(mean: number): number {
  return mean === 1 ? 1 : Math.ceil(Math.log1p(-Math.random()) / Math.log1p(-1 / mean)) || 1
}

/** Rows without a conflict key: one open batch, full ones queued behind it, everything in order. */
export class FifoLane extends Lane {
  #open: Batch
  readonly #leaving = new Queue<Batch>()

  constructor(table: Table, host: LaneHost) {
    super(table, host)
    this.#open = new Batch(table)
  }

  get due(): boolean {
    return this.#leaving.size > 0
  }

  get available(): number {
    return this.#open.rows.length
  }

  add(row: Row, waiter: Waiter | undefined, sampledAt: number, origin: SpanContext | undefined): void {
    const batch = this.#open
    const size = batch.rows.push(row)
    this.queued++
    if (waiter !== undefined) batch.attach(size - 1, waiter)
    if (sampledAt !== NOT_SAMPLED) (batch.samples ??= []).push(sampledAt)
    if (this.tracing !== undefined) (batch.origins ??= new Origins()).add(origin)
    if (size === this.host.flushSize) this.expedite('size')
    else if (size === 1) this.#startToWait()
  }

  #startToWait(): void {
    this.host.waiting.add(this)
    this.timer.start(this.host.flushInterval)
  }

  expedite(trigger: FlushTrigger): void {
    const batch = this.#open
    this.host.waiting.delete(this)
    if (batch.rows.length === 0) return
    batch.accepted = batch.rows.length
    batch.trigger = trigger
    this.leave(batch)
    this.#leaving.push(batch)
    this.#open = new Batch(this.table)
    this.host.schedule(this)
  }

  attachToAll(waiter: Waiter): number {
    const batches = [...this.#leaving, this.#open].filter((batch) => batch.rows.length > 0)
    for (const batch of batches) batch.attach(batch.rows.length - 1, waiter)
    return batches.length
  }

  take(): Batch | undefined {
    const batch = this.#leaving.shift()
    if (batch !== undefined) this.queued -= batch.accepted
    return batch
  }

  settled(): void {
    // No row waits for a batch of an unkeyed table.
  }
}
