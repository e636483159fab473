/** What becomes of partitions. */
export interface HoldingEvents {
  /** It is ours from now on. */
  gained(partition: number): void
  /** It is ours no more: resolves when nothing of it is in our hands. `lost`: somebody else may have it already. */
  parted(partition: number, lost: boolean): Promise<void>
  /** We have put down what we were to: the group may give it to somebody else. */
  released(): void
}

/**
 * The partitions a member of the group has in its hands. A partition that goes to somebody else is kept, and claimed, until
 * nothing of it is in flight; the next owner gets it only then. Those that stay go on meanwhile.
 */
export class Holdings {
  readonly #events: HoldingEvents
  readonly #held = new Map<number, Holding>()
  #target: ReadonlySet<number> = new Set()
  #member: string | undefined
  #generation = 0
  #left = false

  constructor(events: HoldingEvents) {
    this.#events = events
  }

  /** The group's member of this name has a right to these. Whoever has another name was thrown out and has none. */
  claimOf(member: string | null): { owned: number[]; generation: number } {
    const owned = member === this.#member ? [...this.#held.keys()].sort((a, b) => a - b) : []
    return { owned, generation: this.#generation }
  }

  /** Those whose rows may be counted as read. */
  get partitions(): number[] {
    return [...this.#held.keys()]
  }

  has(partition: number): boolean {
    return this.#held.has(partition)
  }

  /** The group has agreed on who reads what. */
  joined(member: string, generation: number, partitions: Iterable<number>): void {
    if (member !== this.#member) this.forfeit()
    this.#member = member
    this.#generation = generation
    this.#target = new Set(this.#left ? [] : partitions)
    for (const partition of this.#target) {
      if (!this.#held.has(partition)) this.#gain(partition)
    }
    for (const [partition, holding] of this.#held) {
      if (!this.#target.has(partition)) void this.#part(partition, holding)
    }
  }

  /** The group has given us up, or has not heard of us for so long that it must have. */
  forfeit(): void {
    this.#member = undefined
    this.#target = new Set()
    for (const [partition, holding] of this.#held) {
      if (holding.lost) continue
      holding.lost = true
      holding.parting = undefined // quicker now, as nothing of it is waited for any more
      void this.#part(partition, holding)
    }
  }

  /** Puts everything down. */
  async leave(): Promise<void> {
    this.#left = true
    this.#target = new Set()
    await Promise.all([...this.#held].map(([partition, holding]) => this.#part(partition, holding)))
  }

  #gain(partition: number): void {
    this.#held.set(partition, { lost: false, parting: undefined })
    this.#events.gained(partition)
  }

  #part(partition: number, holding: Holding): Promise<void> {
    holding.parting ??= this.#parted(partition, holding)
    return holding.parting
  }

  async #parted(partition: number, holding: Holding): Promise<void> {
    const { lost } = holding
    await this.#events.parted(partition, lost)
    if (this.#held.get(partition) !== holding || holding.lost !== lost) return
    this.#held.delete(partition)
    if (this.#target.has(partition)) this.#gain(partition)
    else if (!lost && !this.#left) this.#events.released()
  }
}

interface Holding {
  lost: boolean
  parting: Promise<void> | undefined
}
