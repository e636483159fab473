/** The entries used last, and no more than `most` of them. */
export class Recent<K, V> {
  readonly #most: number
  readonly #entries = new Map<K, V>()

  constructor(most: number) {
    this.#most = most
  }

  /** From now on it is the one used last. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.#touch(key, value)
    return value
  }

  /** Returns the key of the entry that made room for it, if one had to. */
  set(key: K, value: V): K | undefined {
    this.#touch(key, value)
    if (this.#entries.size <= this.#most) return undefined
    const [oldest] = this.#entries.keys()
    this.#entries.delete(oldest!)
    return oldest
  }

  /** Whether there was such an entry. */
  delete(key: K): boolean {
    return this.#entries.delete(key)
  }

  #touch(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
  }
}
