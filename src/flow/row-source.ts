import { type Deletion, deletion } from '../contract/deletion.ts'
import { refuse } from '../support/validate.ts'

/** Rows one after the other: an array, a generator, a stream of objects. */
export type Rows<R> = Iterable<R> | AsyncIterable<R>

/** @throws {OptionError} when `rows` are not rows one after the other; a single row, most often */
export function isAsync<R>(owner: string, rows: Rows<R>): rows is AsyncIterable<R> {
  const given: unknown = rows
  if (typeof given === 'object' && given !== null) {
    if (Symbol.asyncIterator in given) return true
    if (Symbol.iterator in given) return false
  }
  return refuse(`${owner}: rows`, 'an array or another iterable of rows, sync or async', given)
}

/** Hands each row to `submit`, and waits where that has to. */
export async function eachRow<R>(rows: AsyncIterable<R>, submit: (row: R) => Promise<void>): Promise<void> {
  for await (const row of rows) await submit(row)
}

/** The deletions of `keys`, one after the other as well. @throws {OptionError} when they are not keys one after the other */
export function deletionsOf<K extends object>(keys: Rows<K>): Rows<Deletion<K>> {
  return isAsync('deleteMany', keys) ? eachAsync(keys) : eachOf(keys)
}

function* eachOf<K extends object>(keys: Iterable<K>): Iterable<Deletion<K>> {
  for (const key of keys) yield deletion(key)
}

async function* eachAsync<K extends object>(keys: AsyncIterable<K>): AsyncIterable<Deletion<K>> {
  for await (const key of keys) yield deletion(key)
}
