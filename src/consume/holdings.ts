/** What a worker holds of one partition. */
export interface Held {
  messages: number
  bytes: number
}

const AT_ONCE = Promise.resolve()

/**
 * How much a worker holds, so that it asks for no more than it has room for. Half of the room is whoever's comes first, the other
 * half is shared out among the partitions: one that stands still cannot take the room of all others.
 */
export class Holdings {
  messages = 0
  bytes = 0
  readonly #most: Held
  readonly #partitions = new Map<string, Held>()
  readonly #waiting = new Map<string, () => void>()
  readonly #stuck = new Map<string, () => void>()

  constructor(most: Readonly<Held>) {
    this.#most = most
  }

  take(partition: string, messages: number, bytes: number): void {
    const held = this.#of(partition)
    held.messages += messages
    held.bytes += bytes
    this.messages += messages
    this.bytes += bytes
  }

  release(partition: string, messages: number, bytes: number): void {
    this.take(partition, -messages, -bytes)
    this.#serve()
  }

  /** A partition is gone, with all that was held of it. */
  forget(partition: string): void {
    const { messages, bytes } = this.#of(partition)
    this.messages -= messages
    this.bytes -= bytes
    this.#partitions.delete(partition)
    for (const waiting of [this.#waiting, this.#stuck]) {
      waiting.get(partition)?.()
      waiting.delete(partition)
    }
    this.#serve()
  }

  /** Resolves when more of `partition` may come, and when it is forgotten. */
  room(partition: string): Promise<void> {
    if (this.#admits(partition)) return AT_ONCE
    return new Promise((resolve) => {
      const before = this.#waiting.get(partition)
      this.#waiting.set(partition, () => {
        before?.()
        resolve()
      })
    })
  }

  /** Resolves when `partition` is forgotten. */
  never(partition: string): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#stuck.get(partition)
      this.#stuck.set(partition, () => {
        before?.()
        resolve()
      })
    })
  }

  #of(partition: string): Held {
    let held = this.#partitions.get(partition)
    if (held === undefined) this.#partitions.set(partition, (held = { messages: 0, bytes: 0 }))
    return held
  }

  #admits(partition: string): boolean {
    if (this.messages * 2 < this.#most.messages && this.bytes * 2 < this.#most.bytes) return true
    const held = this.#of(partition)
    const shares = this.#partitions.size * 2
    return held.messages * shares < this.#most.messages && held.bytes * shares < this.#most.bytes
  }

  #serve(): void {
    for (const [partition, go] of this.#waiting) {
      if (!this.#admits(partition)) continue
      this.#waiting.delete(partition)
      go()
    }
  }
}
