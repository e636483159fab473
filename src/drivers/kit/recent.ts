/** The entries used last, and no more than `most` of them. */
export class Recent<K, V> {
  readonly #most: number
  readonly #dropped: (key: K, value: V) => void
  readonly #entries = new Map<K, V>()

  /** @param dropped told of the entry that made room for another */
  constructor(most: number, dropped: (key: K, value: V) => void = () => undefined) {
    this.#most = most
    this.#dropped = dropped
  }

  /** From now on it is the one used last. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) this.#touch(key, value)
    return value
  }

  /** Returns the value. */
  set(key: K, value: V): V {
    this.#touch(key, value)
    if (this.#entries.size > this.#most) {
      const [oldest, old] = this.#entries.entries().next().value!
      this.#entries.delete(oldest)
      this.#dropped(oldest, old)
    }
    return value
  }

  #touch(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
  }
}
