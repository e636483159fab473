import type { Row } from '../contract/table.ts'
import { WholeMap } from '../support/whole-map.ts'
import { type Batch, UNTIMED } from './batch.ts'
import type { Key } from './coalesce.ts'
import { Origins } from './origins.ts'
import type { Waiter } from './waiter.ts'

/** A key that waits, is in flight, or both: the latest row waits behind the one in flight. */
export class Entry {
  /** `undefined`: a part is NULL, which equals nothing. */
  key: Key | undefined
  /** The row that stands for all rows accepted with this key since the last one left. */
  row: Row | undefined = undefined
  /** How many those are; 0 = nothing waits. */
  accepted = 0
  /** About how many bytes of memory the row takes. */
  bytes = 0
  /** How many rows had been accepted when it began to wait; only where the oldest ones may have to make room. */
  age = 0
  /** When that was (ms), or a little earlier, else `UNTIMED`; only where metrics are. */
  since = UNTIMED
  waiters: Waiter[] | undefined = undefined
  samples: number[] | undefined = undefined
  origins: Origins | undefined = undefined
  /** Rows of its key are in flight, or wait ahead of it. */
  inflight = false
  /** Asked to leave while its key was in flight. */
  overdue = false
  /** How many of the accepted rows were not newer than the one that stands for them. */
  superseded = 0
  /** The next row of the key, where it cannot be merged: it waits until this one is settled. */
  behind: Entry | undefined = undefined

  constructor(key: Key | undefined) {
    this.key = key
  }
}

/** Moves the rows that wait in `entry`, and everybody who waits for them, into `batch`. */
export function move(entry: Entry, batch: Batch): void {
  const index = batch.rows.push(entry.row!) - 1
  ;(batch.weights ??= []).push(entry.accepted)
  batch.accepted += entry.accepted
  batch.bytes += entry.bytes
  if (entry.superseded > 0) (batch.superseded ??= new Map()).set(index, entry.superseded)
  if (entry.waiters !== undefined) for (const waiter of entry.waiters) batch.attach(index, waiter)
  if (entry.samples !== undefined) for (const sample of entry.samples) (batch.samples ??= []).push(sample)
  if (entry.origins !== undefined) (batch.origins ??= new Origins()).addAll(entry.origins)
  entry.row = entry.waiters = entry.samples = entry.origins = undefined
  entry.accepted = 0
  entry.superseded = 0
  entry.bytes = 0
  entry.since = UNTIMED
  entry.overdue = false
}

/** When the first of them came (ms), `UNTIMED` where that is not known of all. */
export function oldest(entries: readonly Entry[]): number {
  let since = Number.POSITIVE_INFINITY
  for (const entry of entries) if (entry.since < since) since = entry.since
  return since
}

/** Sorts by key. */
export function sortByKey(entries: Entry[]): void {
  if (!isSorted(entries) && !sortByNumber(entries)) entries.sort(byKey)
}

/** More than there are in any batch. */
const PLACES = 2 ** 20

/**
 * Whole numbers are sorted by the engine itself, in half of the time of calling back for each two of them: each with its entry's place
 * behind it in one number. `false`: there are other keys.
 */
function sortByNumber(entries: Entry[]): boolean {
  if (entries.length > PLACES) return false
  const numbers = new Float64Array(entries.length)
  for (let i = 0; i < entries.length; i++) {
    const { key } = entries[i]!
    if (!WholeMap.takes(key)) return false
    numbers[i] = key * PLACES + i
  }
  numbers.sort()
  const before = [...entries]
  for (let i = 0; i < numbers.length; i++) entries[i] = before[numbers[i]! - Math.floor(numbers[i]! / PLACES) * PLACES]!
  return true
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
