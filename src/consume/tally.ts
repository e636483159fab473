import type { MessageOutcome, SourceProbe } from '../contract/metrics-reporter.ts'
import type { PartitionLag } from './source.ts'

/** What became of the messages of a worker: plain numbers, for whoever asks. */
export class Tally implements SourceProbe {
  readonly source: string
  readonly messages: Record<MessageOutcome, number> = { committed: 0, dead_lettered: 0, dropped: 0 }
  redelivered = 0
  lag: ReadonlyMap<string, PartitionLag> = new Map()
  readonly #owned: () => number

  /** @param owned how many partitions are owned now */
  constructor(source: string, owned: () => number) {
    this.source = source
    this.#owned = owned
  }

  get partitions(): number {
    return this.#owned()
  }
}
