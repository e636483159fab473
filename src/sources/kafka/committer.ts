/**
 * Commits offsets, those of all partitions at once. While a commit is under way the next ones gather: as one they cost the
 * group a single request.
 */
export class Committer {
  readonly #commit: (offsets: ReadonlyMap<number, bigint>) => Promise<void>
  #waiting = new Map<number, bigint>()
  #next: Promise<void> | undefined
  #current: Promise<unknown> = Promise.resolve()

  constructor(commit: (offsets: ReadonlyMap<number, bigint>) => Promise<void>) {
    this.#commit = commit
  }

  /** Reading goes on at `offset`. Resolves when the group knows, rejects when it cannot be told. */
  commit(partition: number, offset: bigint): Promise<void> {
    this.#waiting.set(partition, offset)
    this.#next ??= this.#afterCurrent()
    return this.#next
  }

  async #afterCurrent(): Promise<void> {
    await this.#current
    const offsets = this.#waiting
    this.#waiting = new Map()
    this.#next = undefined
    const commit = this.#commit(offsets)
    this.#current = commit.catch(() => {})
    await commit
  }
}
