/** What was handed over at once. */
interface Share {
  readonly last: number
  readonly count: number
  /** When the first of it was published, ms since 1970. */
  readonly time: number
}

/** Where acknowledgements do not come, as the database keeps the position, no more than this is remembered. */
const MOST = 1024

/** What was handed over and is not acknowledged yet. */
export class Handed {
  #shares: Share[] = []
  readonly #waiting = new Set<() => void>()
  #acknowledged = 0

  get count(): number {
    return this.#shares.reduce((sum, { count }) => sum + count, 0)
  }

  get oldest(): number | undefined {
    return this.#shares[0]?.time
  }

  add(share: Share): void {
    this.#shares.push(share)
    if (this.#shares.length > MOST) this.#shares.shift()
  }

  acknowledged(sequence: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, sequence)
    const open = this.#shares.findIndex(({ last }) => last > sequence)
    this.#shares = open === -1 ? [] : this.#shares.slice(open)
    this.wake()
  }

  /** Resolves when all up to `sequence` is acknowledged, or `isOver`. */
  async until(sequence: number, isOver: () => boolean): Promise<void> {
    while (this.#acknowledged < sequence && !isOver()) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** Whoever waits looks again. */
  wake(): void {
    for (const look of this.#waiting) look()
    this.#waiting.clear()
  }
}
