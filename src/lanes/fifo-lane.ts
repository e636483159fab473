import type { SpanContext } from '@opentelemetry/api'
import type { FlushTrigger } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import { Room } from '../support/limit.ts'
import { Queue } from '../support/queue.ts'
import { Batch, UNTIMED } from './batch.ts'
import { Lane, type LaneHost } from './lane.ts'
import { Origins } from './origins.ts'
import type { ManyWaiter, Waiter } from './waiter.ts'
import { NOT_SAMPLED } from './watch.ts'

/**
 * Rows without a conflict key: one open batch, full ones queued behind it, everything in order. What is due leaves when a
 * slot takes it and keeps filling until then: closed by the clock while no slot is free, batches would become ever smaller
 * the more rows come.
 */
export class FifoLane extends Lane {
  #open!: Batch
  /** What the open batch has room for. */
  #room!: Room
  /** What made the open batch due, before it was full. */
  #due: FlushTrigger | undefined
  readonly #full = new Queue<Batch>()

  constructor(table: Table, host: LaneHost) {
    super(table, host)
    this.#begin(new Batch(table))
  }

  #begin(batch: Batch): void {
    this.#open = batch
    this.#room = new Room(this.limit)
    batch.flushSize = this.host.limit.rows
  }

  get due(): boolean {
    return this.#full.size > 0 || this.#due !== undefined
  }

  get fill(): number {
    return this.#room.limit.shareOf(this.#open.rows.length, this.#room.taken)
  }

  get oldest(): number {
    return this.#oldest.ages?.[0] ?? Number.POSITIVE_INFINITY
  }

  get #oldest(): Batch {
    return this.#full.first ?? this.#open
  }

  protected add(
    row: Row,
    waiter: Waiter | undefined,
    sampledAt: number,
    origin: SpanContext | undefined,
    bytes: number,
  ): number {
    if (!this.#room.fits(bytes)) this.#queue()
    const batch = this.#open
    const room = this.#room
    const size = batch.rows.push(row)
    const full = room.take(bytes)
    this.queued++
    if (waiter !== undefined) batch.attach(size - 1, waiter)
    if (this.notes || sampledAt !== NOT_SAMPLED) this.#note(batch, sampledAt, origin)
    if (full) this.#queue()
    else if (size === 1) this.#startToWait()
    return bytes
  }

  /** How many rows {@link acceptMany} takes now: those of which neither the size nor the time is taken, and none is the first of a batch. */
  get together(): number {
    if (this.host.age !== undefined || this.#open.rows.length === 0) return 0
    const { unmeasured, usual } = this.scale
    const untaken = this.metrics === undefined ? unmeasured : Math.min(unmeasured, this.watch.unsampled)
    return Math.min(untaken, this.#room.fitting(usual))
  }

  /** About how many bytes of memory each of those takes. */
  get usualBytes(): number {
    return this.scale.usual
  }

  /** Takes the first `count` of `rows`, all from one span: one at least, and no more than may come {@link together}. */
  acceptMany(
    rows: readonly Row[],
    count: number,
    waiter: ManyWaiter | undefined,
    origin: SpanContext | undefined,
  ): void {
    const batch = this.#open
    const place = batch.rows.length
    for (let i = 0; i < count; i++) batch.rows.push(rows[i]!)
    this.scale.pass(count)
    if (this.metrics !== undefined) this.watch.pass(count)
    this.queued += count
    waiter?.next(count)
    if (waiter !== undefined) batch.attachMany(place, count, waiter)
    if (this.tracing !== undefined) this.#note(batch, NOT_SAMPLED, origin)
    this.#room.giveBack(-count, -count * this.usualBytes)
    if (this.#room.isUsedUp) this.#queue()
  }

  #note(batch: Batch, sampledAt: number, origin: SpanContext | undefined): void {
    if (sampledAt !== NOT_SAMPLED) (batch.samples ??= []).push(sampledAt)
    if (this.tracing !== undefined) (batch.origins ??= new Origins()).add(origin)
    if (this.host.age !== undefined) (batch.ages ??= []).push(this.host.age())
  }

  #startToWait(): void {
    this.#time()
    this.host.waiting.add(this)
    this.timer.start(this.host.flushInterval)
  }

  /** The first row of the open batch is in. */
  #time(): void {
    if (this.metrics !== undefined) this.#open.since = this.host.clock.now()
  }

  #queue(): void {
    if (this.#open.rows.length === 1 && this.#open.since === UNTIMED) this.#time()
    this.#full.push(this.#close())
    this.host.schedule(this)
  }

  /** Returns the batch that was open; another one is from now on. */
  #close(): Batch {
    const batch = this.#open
    batch.bytes = this.#room.taken
    this.#begin(new Batch(this.table))
    this.#due = undefined
    this.scale.measureNext()
    this.host.waiting.delete(this)
    return batch
  }

  override settled(batch: Batch, sent?: number): void {
    super.settled(batch, sent)
    if (this.#open.rows.length === 0) this.#begin(this.#open)
  }

  override resize(): void {
    super.resize()
    if (this.#open.rows.length === 0) this.#begin(this.#open)
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
    if (batch.flushSize < this.host.limit.rows) this.#fill(batch)
    batch.accepted = batch.rows.length
    this.handOver(batch.accepted)
    this.leave(batch)
    return batch
  }

  /** Batches that were full when fewer rows made one leave together. */
  #fill(batch: Batch): void {
    const { rows, bytes } = this.limit
    for (let next = this.#full.first; next !== undefined; next = this.#full.first) {
      if (batch.rows.length + next.rows.length > rows || batch.bytes + next.bytes > bytes) break
      batch.append(this.#full.shift()!)
    }
    if (batch.rows.length === rows) batch.flushSize = this.host.limit.rows
  }

  #takeOpen(): Batch | undefined {
    if (this.#due === undefined) return undefined
    const trigger = this.#due
    const batch = this.#close()
    batch.trigger = trigger
    return batch
  }

  /** The open batch has lost its rows. */
  #reopen(): void {
    this.#due = undefined
    this.#open.since = UNTIMED
  }

  protected *times(): Iterable<number> {
    for (const { since } of this.#full) yield since
    if (this.#open.rows.length > 0) yield this.#open.since
  }

  protected shift(dropped: Batch): void {
    const [row] = this.#oldest.rows
    if (row === undefined) return
    const measured = this.scale.measure(row)
    if (this.#oldest.rows[0] === row) this.#shift(dropped, measured)
    else this.shift(dropped) // it has left meanwhile, as a getter of it asked for that
  }

  #shift(dropped: Batch, measured: number): void {
    const batch = this.#oldest
    if (batch === this.#open) batch.bytes = this.#room.taken
    const bytes = batch.rows.length === 1 ? batch.bytes : Math.min(batch.bytes, measured)
    batch.shift(dropped, bytes)
    if (batch === this.#open) this.#room.giveBack(1, bytes)
    if (batch.rows.length > 0) return
    if (batch !== this.#open) this.#full.shift()
    else this.#reopen()
  }
}
