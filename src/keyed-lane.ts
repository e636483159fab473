import { Batch, type Waiter } from './batch.ts'
import { type KeyReader, keyReader, type Merge, mergeOf } from './coalesce.ts'
import { Lane, type LaneHost, NOT_SAMPLED } from './lane.ts'
import type { Row, Table } from './table.ts'
import type { FlushTrigger, TableMetrics } from './telemetry/reporter.ts'

/** One pending key: the row that stands for all rows accepted with it. */
interface Entry {
  readonly key: unknown
  row: Row
  accepted: number
  waiters: Waiter[] | undefined
  samples: number[] | undefined
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
  /** Pending keys that may leave, oldest first. */
  readonly #ready = new Map<unknown, Entry>()
  /** Pending keys that are in flight with an earlier row. */
  readonly #blocked = new Map<unknown, Entry>()
  readonly #inflight = new Set<unknown>()
  /** Entries of `#ready` that must leave now, the oldest ones. */
  #overdue = 0
  #trigger: FlushTrigger = 'size'

  constructor(table: Table, host: LaneHost, metrics: TableMetrics | undefined) {
    super(table, host, metrics)
    this.#keyOf = keyReader(table)
    this.#merge = mergeOf(table)
  }

  get due(): boolean {
    return this.#overdue > 0 || this.#ready.size >= this.host.flushSize
  }

  get available(): number {
    return this.#ready.size
  }

  add(row: Row, waiter: Waiter | undefined, sampledAt: number): void {
    const key = this.#keyOf(row) ?? {} // NULL equals nothing, not even another NULL
    const pending = this.#inflight.has(key) ? this.#blocked : this.#ready
    this.queued++
    let entry = pending.get(key)
    const isNew = entry === undefined
    if (entry === undefined) {
      entry = { key, row, accepted: 1, waiters: undefined, samples: undefined, overdue: false }
      pending.set(key, entry)
    } else {
      entry.row = this.#merge(entry.row, row)
      entry.accepted++
    }
    if (waiter !== undefined) (entry.waiters ??= []).push(waiter)
    if (sampledAt !== NOT_SAMPLED) (entry.samples ??= []).push(sampledAt)
    if (isNew) this.#grown() // the last thing: the row may leave with it
  }

  #grown(): void {
    if (this.#ready.size >= this.host.flushSize) this.host.schedule(this)
    if (this.#ready.size + this.#blocked.size === 1) this.timer.start(this.host.flushInterval)
  }

  expedite(trigger: FlushTrigger): void {
    for (const entry of this.#blocked.values()) entry.overdue = true
    this.#trigger = trigger
    this.#overdue = this.#ready.size
    if (this.#overdue > 0) this.host.schedule(this)
  }

  attachToAll(waiter: Waiter): number {
    const entries = [...this.#ready.values(), ...this.#blocked.values()]
    for (const entry of entries) (entry.waiters ??= []).push(waiter)
    return entries.length
  }

  take(): Batch | undefined {
    const size = Math.min(this.#ready.size, this.host.flushSize)
    if (size === 0) return undefined
    const batch = new Batch(this.table)
    batch.trigger = size === this.host.flushSize ? 'size' : this.#trigger
    const entries = this.#oldest(size)
    this.#overdue = Math.max(0, this.#overdue - size)
    if (this.#ready.size + this.#blocked.size > 0) this.timer.start(this.host.flushInterval)
    batch.keys = entries.map((entry) => entry.key)
    batch.weights = entries.map((entry) => entry.accepted)
    for (const entry of entries) load(batch, entry)
    this.queued -= batch.accepted
    this.leave(batch)
    return batch
  }

  /** In the order of their keys: two processes that lock the same rows in the same order cannot deadlock. */
  #oldest(size: number): Entry[] {
    const entries: Entry[] = []
    for (const [key, entry] of this.#ready) {
      if (entries.length === size) break
      entries.push(entry)
      this.#ready.delete(key)
      this.#inflight.add(key)
    }
    return entries.sort(byKey)
  }

  settled(batch: Batch): void {
    for (const key of batch.keys ?? []) {
      this.#inflight.delete(key)
      const entry = this.#blocked.get(key)
      if (entry === undefined) continue
      this.#blocked.delete(key)
      this.#ready.set(key, entry)
      if (entry.overdue) this.#overdue++
    }
    if (this.due) this.host.schedule(this)
  }
}

/** Puts an entry's row and everybody who waits for it into the batch. */
function load(batch: Batch, entry: Entry): void {
  const index = batch.rows.push(entry.row) - 1
  batch.accepted += entry.accepted
  for (const waiter of entry.waiters ?? []) batch.attach(index, waiter)
  if (entry.samples !== undefined) (batch.samples ??= []).push(...entry.samples)
}

function byKey(a: Entry, b: Entry): number {
  if (typeof a.key !== 'string') return typeof b.key === 'string' ? 1 : 0
  if (typeof b.key !== 'string') return -1
  return a.key < b.key ? -1 : 1
}
