import type { SpanContext } from '@opentelemetry/api'
import type { FlushTrigger } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import { Queue } from '../support/queue.ts'
import { Batch, type Waiter } from './batch.ts'
import { Lane, type LaneHost, NOT_SAMPLED } from './lane.ts'
import { Origins } from './origins.ts'

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

  protected add(row: Row, waiter: Waiter | undefined, sampledAt: number, origin: SpanContext | undefined): void {
    const batch = this.#open
    const size = batch.rows.push(row)
    this.queued++
    if (waiter !== undefined) batch.attach(size - 1, waiter)
    if (sampledAt !== NOT_SAMPLED) (batch.samples ??= []).push(sampledAt)
    if (this.tracing !== undefined) (batch.origins ??= new Origins()).add(origin)
    if (size === this.host.flushSize) this.flush('size')
    else if (size === 1) this.#startToWait()
  }

  #startToWait(): void {
    this.host.waiting.add(this)
    this.timer.start(this.host.flushInterval)
  }

  flush(trigger: FlushTrigger): void {
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
    if (batch !== undefined) this.handOver(batch)
    return batch
  }

  settled(): void {
    this.unsettled--
  }
}
