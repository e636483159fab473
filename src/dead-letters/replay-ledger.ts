import { AppendFile, MAX_BYTES } from './append-file.ts'
import type { ReplayProgress } from './replay-options.ts'
import type { Settled } from './resubmission.ts'

const SETTINGS = { maxBytes: MAX_BYTES, maxFiles: Number.POSITIVE_INFINITY, fsync: true }
const FEED = Buffer.from('\n')

/** Counts what became of the lines of a replay, and keeps those that are not done with. */
export class ReplayLedger {
  readonly #counts = { committed: 0, failed: 0, kept: 0, torn: 0 }
  readonly #letters: AppendFile
  readonly #torn: AppendFile
  #again: string[] = []
  #scraps: Buffer[] = []

  constructor(path: string) {
    this.#letters = new AppendFile(path, SETTINGS)
    this.#torn = new AppendFile(`${path}.torn`, SETTINGS)
  }

  get progress(): ReplayProgress {
    const { committed, failed, kept, torn } = this.#counts
    return { read: committed + failed + kept + torn, ...this.#counts }
  }

  enter(outcome: Settled): void {
    this.#counts[outcome.is]++
    if (outcome.is === 'torn') this.#scraps.push(outcome.bytes, FEED)
    else if (outcome.is !== 'committed' && outcome.line !== undefined) this.#again.push(outcome.line)
  }

  /** Writes what was entered; then its place in the old file may be passed. */
  async keep(): Promise<void> {
    const [lines, scraps] = [this.#again.join(''), Buffer.concat(this.#scraps)]
    this.#again = []
    this.#scraps = []
    if (lines !== '') await this.#letters.append(lines)
    if (scraps.length > 0) await this.#torn.append(scraps)
  }
}
