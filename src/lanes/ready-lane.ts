import type { SpanContext } from '@opentelemetry/api'
import type { Row } from '../contract/table.ts'
import { Queue } from '../support/queue.ts'
import { Batch } from './batch.ts'
import { type Key, keyReader, mergeOf } from './coalesce.ts'
import { Entry, move, sortByKey } from './entry.ts'
import { Lane } from './lane.ts'
import { Origins } from './origins.ts'
import type { Waiter } from './waiter.ts'

/**
 * Batches that somebody else has put together, each with what is committed beside it. They leave one by one in the order they
 * came, and their rows meet no others: whoever makes them sees to it that rows of one key are not in two of them.
 */
export class ReadyLane extends Lane {
  readonly #batches = new Queue<Batch>()

  get due(): boolean {
    return this.#batches.size > 0
  }

  /** There is nothing in it that has to be told to leave. */
  get fill(): number {
    return 0
  }

  /** What it has makes no room for others. */
  get oldest(): number {
    return Number.POSITIVE_INFINITY
  }

  /**
   * The batch of `rows`, those of one key merged in their order, with `waiter` at each of its rows. It ends before the first one
   * that cannot be merged with another of its key: how many it took is what it has `accepted`, one at least.
   *
   * @throws what reading a row throws
   */
  load(rows: readonly Row[], waiter: Waiter): Batch {
    const batch = new Batch(this.table)
    if (this.table.keys.length > 0) this.#merge(rows, batch)
    else this.#fill(rows, batch)
    for (let index = 0; index < batch.rows.length; index++) batch.attach(index, waiter)
    batch.trigger = batch.accepted >= this.limit.rows ? 'size' : 'manual'
    this.scale.measureNext()
    return batch
  }

  /** Notes which spans the rows of `batch` come from. */
  link(batch: Batch, origins: Iterable<SpanContext | undefined>): void {
    if (this.tracing !== undefined) for (const origin of origins) (batch.origins ??= new Origins()).add(origin)
  }

  #fill(rows: readonly Row[], batch: Batch): void {
    batch.accepted = rows.length
    for (const row of rows) {
      batch.rows.push(row)
      batch.bytes += this.weigh(row)
    }
  }

  /** In the order of their keys, against deadlocks with whoever else writes them. */
  #merge(rows: readonly Row[], batch: Batch): void {
    const keyOf = keyReader(this.table)
    const merge = mergeOf(this.table)
    const entries = new Map<Key | Row, Entry>()
    for (const row of rows) {
      const key = keyOf(row)
      const known = entries.get(key ?? row)
      const merged = known === undefined ? row : merge(known.row!, row)
      if (merged === undefined) break
      const entry = known ?? new Entry(key)
      if (known?.row === merged && this.table.newer !== undefined) entry.superseded++
      entry.row = merged
      entry.accepted++
      if (known === undefined) entries.set(key ?? row, entry)
    }
    const sorted = [...entries.values()]
    sortByKey(sorted)
    for (const entry of sorted) {
      entry.bytes = this.weigh(entry.row!)
      move(entry, batch)
    }
  }

  /** @param again how many of its rows were kept when they came before */
  put(batch: Batch, again: number): void {
    if (this.metrics !== undefined) batch.since = this.host.clock.now()
    this.queued += batch.accepted - again
    this.again += again
    this.#batches.push(batch)
    this.host.schedule(this)
  }

  take(): Batch | undefined {
    const batch = this.#batches.shift()
    if (batch === undefined) return undefined
    this.handOver(batch.accepted)
    this.leave(batch)
    return batch
  }

  /** Whoever makes them keeps their order. */
  override recall(): undefined {}

  /** Nor does it make them larger or smaller. */
  override kept(): void {}

  /** All are due from the moment they come. */
  flush(): void {}

  attachToAll(waiter: Waiter): number {
    for (const batch of this.#batches) batch.attach(0, waiter)
    return this.#batches.size
  }

  protected *times(): Iterable<number> {
    for (const { since } of this.#batches) yield since
  }

  protected add(): never {
    throw new TypeError('rows come to this lane in batches')
  }

  protected shift(): never {
    throw new TypeError('rows of batches that were made elsewhere are not dropped one by one')
  }
}
