import type { SpanContext } from '@opentelemetry/api'
import type { FlushTrigger } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import { Queue } from '../support/queue.ts'
import { Batch, UNTIMED } from './batch.ts'
import { type KeyReader, keyReader, mergeOf } from './coalesce.ts'
import { Entries } from './entries.ts'
import { type Entry, move, oldest, sortByKey } from './entry.ts'
import { Lane, type LaneHost } from './lane.ts'
import type { Merge } from './newest.ts'
import { Origins } from './origins.ts'
import { ManyWaiter, type Waiter } from './waiter.ts'
import { NOT_SAMPLED } from './watch.ts'

/** Batches whose entries are kept to be used again, as several may be settled at once. */
const SPARE = 4

/**
 * Rows with a conflict key. Rows of one key merge while they wait, and a key is in one batch in flight at most, so that
 * rows of a key never overtake each other however many batches run at once. Rows that cannot be merged leave in order, in
 * batches of their own.
 */
export class KeyedLane extends Lane {
  readonly #keyOf: KeyReader
  readonly #merge: Merge
  readonly #entries = new Entries()
  /** Entries that may leave, oldest first. */
  readonly #ready = new Queue<Entry>()
  readonly #travelling = new WeakMap<Batch, readonly Entry[]>()
  #readyBytes = 0
  /** Entries that wait behind their own key. */
  readonly #blocked = new Set<Entry>()
  /** How many of `#ready`, the oldest ones, must leave now. */
  #overdue = 0
  #trigger: FlushTrigger = 'size'
  /** The interval is running. */
  #ticking = false
  /** When the latest entries came (ms), and how many more are taken to have come then. */
  #cameAt = UNTIMED
  #alike = 0

  constructor(table: Table, host: LaneHost) {
    super(table, host)
    this.#keyOf = keyReader(table)
    this.#merge = mergeOf(table)
  }

  get due(): boolean {
    return this.#overdue > 0 || this.#isFull
  }

  get #isFull(): boolean {
    return this.limit.isReached(this.#ready.size, this.#readyBytes)
  }

  get fill(): number {
    return this.limit.shareOf(this.#ready.size, this.#readyBytes)
  }

  get oldest(): number {
    const entry = this.#ready.first ?? this.#blocked.values().next().value
    return entry?.age ?? Number.POSITIVE_INFINITY
  }

  protected add(
    row: Row,
    waiter: Waiter | undefined,
    sampledAt: number,
    origin: SpanContext | undefined,
    bytes: number,
  ): number {
    let entry = this.#entryOf(row)
    const older = entry.row
    const merged = older === undefined ? row : this.#merge(older, row)
    const isMade = merged !== undefined && merged !== row && merged !== older
    const size = isMade ? this.scale.measure(merged) : bytes
    // Both read columns, and a getter that submits may have sent the entry off meanwhile, or merged another row into it.
    if (merged === undefined || entry.row !== older) entry = this.#entryBehind(row)
    const isNew = entry.accepted === 0
    if (!isNew && merged === entry.row && this.table.newer !== undefined) entry.superseded++
    const more = isNew ? this.#hold(entry, row, bytes) : this.#hold(entry, merged!, size)
    entry.accepted++
    this.queued++
    if (waiter !== undefined)
      (entry.waiters ??= []).push(waiter instanceof ManyWaiter ? waiter.one(waiter.number) : waiter)
    if (sampledAt !== NOT_SAMPLED) (entry.samples ??= []).push(sampledAt)
    if (this.tracing !== undefined) (entry.origins ??= new Origins()).add(origin)
    if (isNew) this.#wait(entry)
    if (this.#isFull) this.host.schedule(this) // the last thing: the row may leave with it
    return more
  }

  /** Lets `held`, which is of `bytes`, stand for what comes into the entry; returns how many more it takes. */
  #hold(entry: Entry, held: Row, bytes: number): number {
    const before = entry.bytes
    if (held !== entry.row) entry.bytes = bytes
    entry.row = held
    const more = entry.bytes - before
    if (!entry.inflight) this.#readyBytes += more
    return more
  }

  #entryOf(row: Row): Entry {
    return this.#entries.of(this.#keyOf(row))
  }

  /** An empty one for a row that must not become one with the last of its key. */
  #entryBehind(row: Row): Entry {
    const last = this.#entryOf(row)
    return last.accepted === 0 ? last : this.#entries.behind(last)
  }

  #wait(entry: Entry): void {
    if (this.host.age !== undefined) entry.age = this.host.age()
    if (this.metrics !== undefined) entry.since = this.#time()
    if (entry.inflight) this.#blocked.add(entry)
    else this.#ready.push(entry)
    if (!this.#ticking) this.#tick()
    this.host.waiting.add(this)
  }

  /** When the first row came of those that would be the next batch: asked for once per batch, as it would be without keys. */
  #time(): number {
    if (this.#alike === 0 || this.#ready.size + this.#blocked.size === 0) {
      this.#alike = this.limit.rows
      this.#cameAt = this.host.clock.now()
    }
    this.#alike--
    return this.#cameAt
  }

  #tick(): void {
    this.#ticking = true
    this.timer.start(this.host.flushInterval)
  }

  flush(trigger: FlushTrigger): void {
    if (trigger === 'interval') this.#ticking = false
    this.host.waiting.delete(this)
    for (const entry of this.#blocked) entry.overdue = true
    this.#trigger = trigger
    this.#overdue = this.#ready.size
    if (this.#overdue > 0) this.host.schedule(this)
  }

  attachToAll(waiter: Waiter): number {
    const waiting = [...this.#ready, ...this.#blocked]
    for (const entry of waiting) (entry.waiters ??= []).push(waiter)
    return waiting.length
  }

  take(): Batch | undefined {
    const entries = this.#next()
    const size = entries.length
    if (size === 0) return undefined
    sortByKey(entries)
    this.#overdue = Math.max(0, this.#overdue - size)
    const batch = this.#load(entries)
    // What is left did not go in.
    const isFull = this.#ready.size > 0 || this.limit.isReached(size, batch.bytes)
    batch.trigger = isFull ? 'size' : this.#trigger
    this.handOver(batch.accepted)
    this.#alike = 0
    this.#ticking = false
    if (this.#ready.size + this.#blocked.size > 0) this.#tick()
    this.scale.measureNext()
    this.leave(batch)
    return batch
  }

  /** The oldest ones that go into one batch. */
  #next(): Entry[] {
    const entries: Entry[] = []
    let bytes = 0
    for (
      let entry = this.#ready.first;
      entry !== undefined && this.limit.admits(entries.length, bytes, entry.bytes);
      entry = this.#ready.first
    ) {
      entries.push(entry)
      bytes += entry.bytes
      this.#ready.shift()
    }
    this.#readyBytes -= bytes
    return entries
  }

  #load(entries: readonly Entry[]): Batch {
    const batch = new Batch(this.table)
    batch.flushSize = this.host.limit.rows
    if (this.metrics !== undefined) batch.since = oldest(entries)
    for (const entry of entries) {
      move(entry, batch)
      entry.inflight = true
    }
    this.#travelling.set(batch, entries)
    return batch
  }

  protected *times(): Iterable<number> {
    for (const { since } of this.#ready) yield since
    for (const { since } of this.#blocked) yield since
  }

  protected shift(dropped: Batch): void {
    const entry = this.#ready.shift()
    if (entry === undefined) this.#shiftBlocked(dropped)
    else {
      this.#readyBytes -= entry.bytes
      this.#overdue = Math.max(0, this.#overdue - 1)
      move(entry, dropped)
      this.#release(entry)
    }
  }

  #shiftBlocked(dropped: Batch): void {
    const [entry] = this.#blocked
    if (entry === undefined) return
    this.#blocked.delete(entry)
    move(entry, dropped)
  }

  override settled(batch: Batch, sent?: number): void {
    super.settled(batch, sent)
    for (const entry of this.#travelling.get(batch) ?? []) {
      this.#release(entry)
      if (entry.accepted === 0 && entry.behind === undefined) this.#entries.spare(entry, SPARE * this.limit.rows)
    }
    if (this.due) this.host.schedule(this)
  }

  override resize(): void {
    super.resize()
    if (this.#isFull) this.host.schedule(this)
  }

  /** Nothing of the key is ahead of `entry` any more: what waits in it may leave, or else what is behind it. */
  #release(entry: Entry): void {
    entry.inflight = false
    if (entry.accepted > 0) {
      this.#blocked.delete(entry)
      this.#ready.push(entry)
      this.#readyBytes += entry.bytes
      if (entry.overdue) this.#overdue = this.#ready.size
    } else if (entry.behind !== undefined) this.#release(entry.behind)
    else this.#entries.forget(entry)
  }
}
