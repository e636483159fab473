import type { SpanContext } from '@opentelemetry/api'
import type { FlushTrigger } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import { Queue } from '../support/queue.ts'
import { Batch, type Waiter } from './batch.ts'
import { type Key, type KeyReader, keyReader, type Merge, mergeOf } from './coalesce.ts'
import { Lane, type LaneHost, NOT_SAMPLED } from './lane.ts'
import { Origins } from './origins.ts'

/** A key that waits, is in flight, or both: the latest row waits behind the one in flight. */
interface Entry {
  /** `undefined`: a part is NULL, which equals nothing. */
  readonly key: Key | undefined
  /** The row that stands for all rows accepted with this key since the last one left. */
  row: Row | undefined
  /** How many those are; 0 = nothing waits. */
  accepted: number
  waiters: Waiter[] | undefined
  samples: number[] | undefined
  origins: Origins | undefined
  inflight: boolean
  /** Asked to leave while its key was in flight. */
  overdue: boolean
}

/**
 * Rows with a conflict key. Rows of one key merge while they wait, and a key is in one batch in flight at most, so that
 * rows of a key never overtake each other however many batches run at once.
 */
export class KeyedLane extends Lane {
  readonly #keyOf: KeyReader
  readonly #merge: Merge
  readonly #entries = new Map<Key, Entry>()
  /** Entries that may leave, oldest first. */
  readonly #ready = new Queue<Entry>()
  readonly #travelling = new WeakMap<Batch, readonly Entry[]>()
  /** Entries that wait behind their own key. */
  #blocked = 0
  /** How many of `#ready`, the oldest ones, must leave now. */
  #overdue = 0
  #trigger: FlushTrigger = 'size'
  /** The interval is running. */
  #ticking = false

  constructor(table: Table, host: LaneHost) {
    super(table, host)
    this.#keyOf = keyReader(table)
    this.#merge = mergeOf(table)
  }

  get due(): boolean {
    return this.#overdue > 0 || this.#ready.size >= this.host.flushSize
  }

  get available(): number {
    return this.#ready.size
  }

  protected add(row: Row, waiter: Waiter | undefined, sampledAt: number, origin: SpanContext | undefined): void {
    const entry = this.#entryOf(row)
    const merged = entry.accepted === 0 ? row : this.#merge(entry.row!, row)
    // Asked only now: merging reads columns, and a getter that submits may have sent the entry off meanwhile.
    const isNew = entry.accepted === 0
    entry.row = isNew ? row : merged
    entry.accepted++
    this.queued++
    if (waiter !== undefined) (entry.waiters ??= []).push(waiter)
    if (sampledAt !== NOT_SAMPLED) (entry.samples ??= []).push(sampledAt)
    if (this.tracing !== undefined) (entry.origins ??= new Origins()).add(origin)
    if (isNew) this.#wait(entry) // the last thing: the row may leave with it
  }

  #entryOf(row: Row): Entry {
    const key = this.#keyOf(row)
    let entry = key === undefined ? undefined : this.#entries.get(key)
    if (entry === undefined) {
      entry = { ...BLANK, key }
      if (key !== undefined) this.#entries.set(key, entry)
    }
    return entry
  }

  #wait(entry: Entry): void {
    if (entry.inflight) this.#blocked++
    else this.#ready.push(entry)
    if (!this.#ticking) this.#tick()
    this.host.waiting.add(this)
    if (this.#ready.size >= this.host.flushSize) this.host.schedule(this)
  }

  #tick(): void {
    this.#ticking = true
    this.timer.start(this.host.flushInterval)
  }

  flush(trigger: FlushTrigger): void {
    if (trigger === 'interval') this.#ticking = false
    this.host.waiting.delete(this)
    if (this.#blocked > 0) {
      for (const entry of this.#entries.values()) if (entry.inflight && entry.accepted > 0) entry.overdue = true
    }
    this.#trigger = trigger
    this.#overdue = this.#ready.size
    if (this.#overdue > 0) this.host.schedule(this)
  }

  attachToAll(waiter: Waiter): number {
    const waiting = [
      ...this.#ready,
      ...[...this.#entries.values()].filter((entry) => entry.inflight && entry.accepted > 0),
    ]
    for (const entry of waiting) (entry.waiters ??= []).push(waiter)
    return waiting.length
  }

  take(): Batch | undefined {
    const size = Math.min(this.#ready.size, this.host.flushSize)
    if (size === 0) return undefined
    const entries = Array.from({ length: size }, () => this.#ready.shift()!)
    if (!isSorted(entries)) entries.sort(byKey)
    this.#overdue = Math.max(0, this.#overdue - size)
    const batch = this.#load(entries)
    batch.trigger = size === this.host.flushSize ? 'size' : this.#trigger
    this.handOver(batch)
    this.#ticking = false
    if (this.#ready.size + this.#blocked > 0) this.#tick()
    this.leave(batch)
    return batch
  }

  /** Moves the waiting rows of `entries`, and everybody who waits for them, into a batch. */
  #load(entries: readonly Entry[]): Batch {
    const batch = new Batch(this.table)
    const weights: number[] = []
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index]!
      batch.rows.push(entry.row!)
      weights.push(entry.accepted)
      batch.accepted += entry.accepted
      if (entry.waiters !== undefined) for (const waiter of entry.waiters) batch.attach(index, waiter)
      if (entry.samples !== undefined) for (const sample of entry.samples) (batch.samples ??= []).push(sample)
      if (entry.origins !== undefined) (batch.origins ??= new Origins()).addAll(entry.origins)
      entry.row = entry.waiters = entry.samples = entry.origins = undefined
      entry.accepted = 0
      entry.inflight = true
      entry.overdue = false
    }
    batch.weights = weights
    this.#travelling.set(batch, entries)
    return batch
  }

  settled(batch: Batch): void {
    this.unsettled--
    for (const entry of this.#travelling.get(batch) ?? []) {
      entry.inflight = false
      if (entry.accepted === 0) {
        if (entry.key !== undefined) this.#entries.delete(entry.key)
        continue
      }
      this.#blocked--
      this.#ready.push(entry)
      if (entry.overdue) this.#overdue = this.#ready.size
    }
    if (this.due) this.host.schedule(this)
  }
}

const BLANK: Entry = {
  key: undefined,
  row: undefined,
  accepted: 0,
  waiters: undefined,
  samples: undefined,
  origins: undefined,
  inflight: false,
  overdue: false,
}

/** Rows mostly come in the order of their keys. */
function isSorted(entries: readonly Entry[]): boolean {
  for (let i = 1; i < entries.length; i++) if (byKey(entries[i - 1]!, entries[i]!) > 0) return false
  return true
}

/** One order for every process: two that lock the same rows in the same order cannot deadlock. NULL keys come last. */
function byKey({ key: a }: Entry, { key: b }: Entry): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (a === b) return 0
  if (a === undefined) return 1
  if (b === undefined) return -1
  if (typeof a === typeof b) return a < b ? -1 : 1
  return typeof a === 'number' ? -1 : 1
}
