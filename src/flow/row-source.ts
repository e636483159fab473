import { type Deletion, deletion } from '../contract/deletion.ts'
import { refuse } from '../support/validate.ts'
import { ACCEPTED } from './intake.ts'

/** Rows one after the other: an array, a generator, a stream of objects. */
export type Rows<R> = Iterable<R> | AsyncIterable<R>

/** @throws {OptionError} when `rows` are not rows one after the other; a single row, most often */
function isAsync<R>(owner: string, rows: Rows<R>): rows is AsyncIterable<R> {
  const given: unknown = rows
  if (typeof given === 'object' && given !== null) {
    if (Symbol.asyncIterator in given) return true
    if (Symbol.iterator in given) return false
  }
  return refuse(`${owner}: rows`, 'an array or another iterable of rows, sync or async', given)
}

/** Where the rows of one call go. */
export interface RowSink<R> {
  /** {@link ACCEPTED} where that is at once. */
  one(row: R): Promise<void>
  /** Takes rows from `first` on, as many as it can take at once; returns how many. */
  some(rows: readonly R[], first: number): number
}

/** Hands rows over in order, those of an array several at a time, and waits where it has to. */
export async function handOver<R>(owner: string, rows: Rows<R>, sink: RowSink<R>): Promise<void> {
  if (isAsync(owner, rows)) {
    for await (const row of rows) await sink.one(row)
  } else if (Array.isArray(rows)) {
    await handOverArray(rows, sink)
  } else {
    for (const row of rows) {
      const accepted = sink.one(row)
      if (accepted !== ACCEPTED) await accepted
    }
  }
}

async function handOverArray<R>(rows: readonly R[], sink: RowSink<R>): Promise<void> {
  for (let next = 0; next < rows.length; ) {
    const taken = sink.some(rows, next)
    next += taken
    if (taken > 0) continue
    const accepted = sink.one(rows[next++]!)
    if (accepted !== ACCEPTED) await accepted
  }
}

/** The deletions of `keys`, one after the other as well. @throws {OptionError} when they are not keys one after the other */
export function deletionsOf<K extends object>(keys: Rows<K>): Rows<Deletion<K>> {
  return isAsync('deleteMany', keys) ? eachAsync(keys) : eachOf(keys)
}

function* eachOf<K extends object>(keys: Iterable<K>): Iterable<Deletion<K>> {
  for (const key of keys) yield deletion(key)
}

async function* eachAsync<K extends object>(keys: AsyncIterable<K>): AsyncIterable<Deletion<K>> {
  for await (const key of keys) yield deletion<K>(key as K)
}
