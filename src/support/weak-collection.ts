/** Objects that can be walked through, and collected nevertheless. */
export class WeakCollection<T extends object> {
  readonly #members = new Set<WeakRef<T>>()
  readonly #references = new WeakMap<T, WeakRef<T>>()
  readonly #collected = new FinalizationRegistry<WeakRef<T>>((reference) => this.#members.delete(reference))

  /** Members, and those whose collection is not known yet. */
  get size(): number {
    return this.#members.size
  }

  add(member: T): void {
    if (this.#references.has(member)) return
    const reference = new WeakRef(member)
    this.#members.add(reference)
    this.#references.set(member, reference)
    this.#collected.register(member, reference, reference)
  }

  delete(member: T): void {
    const reference = this.#references.get(member)
    if (reference === undefined) return
    this.#members.delete(reference)
    this.#references.delete(member)
    this.#collected.unregister(reference)
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const reference of this.#members) {
      const member = reference.deref()
      if (member !== undefined) yield member
    }
  }
}
