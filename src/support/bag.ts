/**
 * Few things, in the order they came, that come and go all the time. A `Set` is no place for these: whenever it fills up V8
 * makes it a new table and lets the old one point to it, so that once one of them is old all that follow, with what they held,
 * stay until a full collection. Every row of a flow lived so long.
 */
export class Bag<T> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  add(item: T): void {
    this.#items.push(item)
  }

  /** Who came first mostly goes first. */
  delete(item: T): void {
    const place = this.#items.indexOf(item)
    if (place >= 0) this.#items.splice(place, 1)
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values()
  }
}
