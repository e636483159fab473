import { WholeMap } from '../support/whole-map.ts'
import type { Key } from './coalesce.ts'
import { Entry } from './entry.ts'

/**
 * The latest entry of each key that waits or is in flight. Entries are used again: V8 keeps the old tables of a map until a full
 * collection, with all that was in them, and every entry of a flow would live so long.
 */
export class Entries {
  readonly #byNumber = new WholeMap<Entry>()
  readonly #byKey = new Map<Key, Entry>()
  readonly #spare: Entry[] = []

  /** The one of `key`, or an empty one; without a key that is nobody else's. */
  of(key: Key | undefined): Entry {
    if (key === undefined) return this.#empty(key)
    let entry = WholeMap.takes(key) ? this.#byNumber.get(key) : this.#byKey.get(key)
    if (entry === undefined) this.#keep(key, (entry = this.#empty(key)))
    return entry
  }

  #keep(key: Key, entry: Entry): void {
    if (WholeMap.takes(key)) this.#byNumber.set(key, entry)
    else this.#byKey.set(key, entry)
  }

  #empty(key: Key | undefined): Entry {
    const entry = this.#spare.pop()
    if (entry === undefined) return new Entry(key)
    entry.key = key
    return entry
  }

  /** An empty one behind `last`, the latest of its key from now on. */
  behind(last: Entry): Entry {
    const behind = new Entry(last.key)
    behind.inflight = true
    last.behind = behind
    if (last.key !== undefined) this.#keep(last.key, behind)
    return behind
  }

  /** Nothing of its key waits any more, or is in flight. */
  forget({ key }: Entry): void {
    if (key === undefined) return
    if (WholeMap.takes(key)) this.#byNumber.delete(key)
    else this.#byKey.delete(key)
  }

  /** One that is forgotten, and that nobody holds, may be another key's. @param most so many are kept */
  spare(entry: Entry, most: number): void {
    if (this.#spare.length < most) this.#spare.push(entry)
  }
}
