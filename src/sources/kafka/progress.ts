import type { Message, PartitionLag } from '../../consume/source.ts'

/** When the first message of a chunk was published. */
interface Mark {
  readonly offset: bigint
  readonly at: number
}

/** How far a partition has come, and since when. */
export class Progress {
  /** What comes before it is settled. */
  #settled: bigint
  #settledAt = 0
  readonly #marks: Mark[] = []

  constructor(start: bigint) {
    this.#settled = start
  }

  delivered(messages: readonly Message[]): void {
    const first = messages[0]
    if (first === undefined) return
    this.#marks.push({ offset: BigInt(first.position), at: first.publishedAt ?? 0 })
  }

  settled(offset: bigint, publishedAt: number | undefined): void {
    this.#settled = offset
    this.#settledAt = publishedAt ?? 0
    while (this.#marks.length > 1 && this.#marks[1]!.offset <= offset) this.#marks.shift()
  }

  /** @param end the offset that the next message will get. @param now ms since 1970 */
  lag(end: bigint, now: number): PartitionLag {
    const messages = Math.max(0, Number(end - this.#settled))
    if (messages === 0) return { messages, seconds: 0 }
    const since = this.#oldest
    return since === 0 ? { messages } : { messages, seconds: Math.max(0, now - since) / 1000 }
  }

  /** Messages that are not settled are as old as the first of their chunk, or less, and not older than the last settled one. */
  get #oldest(): number {
    return Math.max(this.#marks[0]?.at ?? 0, this.#settledAt)
  }
}
