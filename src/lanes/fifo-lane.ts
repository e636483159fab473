import type { SpanContext } from '@opentelemetry/api'
import type { FlushTrigger } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import { Queue } from '../support/queue.ts'
import { Batch, type Waiter } from './batch.ts'
import { Lane, type LaneHost, NOT_SAMPLED } from './lane.ts'
import { Origins } from './origins.ts'

/**
 * Rows without a conflict key: one open batch, full ones queued behind it, everything in order. What is due leaves when a
 * slot takes it and keeps filling until then: closed by the clock while no slot is free, batches would become ever smaller
 * the more rows come.
 */
export class FifoLane extends Lane {
  #open: Batch
  /** What made the open batch due, before it was full. */
  #due: FlushTrigger | undefined
  readonly #full = new Queue<Batch>()

  constructor(table: Table, host: LaneHost) {
    super(table, host)
    this.#open = new Batch(table)
  }

  get due(): boolean {
    return this.#full.size > 0 || this.#due !== undefined
  }

  get available(): number {
    return this.#open.rows.length
  }

  protected add(row: Row, waiter: Waiter | undefined, sampledAt: number, origin: SpanContext | undefined): void {
    const batch = this.#open
    const size = batch.rows.push(row)
    this.queued++
    if (waiter !== undefined) batch.attach(size - 1, waiter)
    if (sampledAt !== NOT_SAMPLED) (batch.samples ??= []).push(sampledAt)
    if (this.tracing !== undefined) (batch.origins ??= new Origins()).add(origin)
    if (size === this.host.flushSize) this.#queue(batch)
    else if (size === 1) this.#startToWait()
  }

  #startToWait(): void {
    this.host.waiting.add(this)
    this.timer.start(this.host.flushInterval)
  }

  #queue(batch: Batch): void {
    this.#full.push(batch)
    this.#begin()
    this.host.schedule(this)
  }

  #begin(): void {
    this.#open = new Batch(this.table)
    this.#due = undefined
    this.host.waiting.delete(this)
  }

  flush(trigger: FlushTrigger): void {
    this.host.waiting.delete(this)
    if (this.#open.rows.length === 0) return
    this.#due ??= trigger
    this.host.schedule(this)
  }

  attachToAll(waiter: Waiter): number {
    const batches = [...this.#full, this.#open].filter((batch) => batch.rows.length > 0)
    for (const batch of batches) batch.attach(batch.rows.length - 1, waiter)
    return batches.length
  }

  take(): Batch | undefined {
    const batch = this.#full.shift() ?? this.#takeOpen()
    if (batch === undefined) return undefined
    batch.accepted = batch.rows.length
    this.queued -= batch.accepted
    this.leave(batch)
    return batch
  }

  #takeOpen(): Batch | undefined {
    if (this.#due === undefined) return undefined
    const batch = this.#open
    batch.trigger = this.#due
    this.#begin()
    return batch
  }

  settled(): void {
    this.unsettled--
  }
}
