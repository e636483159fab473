import type { Row } from '../contract/table.ts'
import { sizeOf } from '../support/size-of.ts'

/** Every row of so many bytes is measured: that takes no time beside what else is done with it. */
const LARGE = 16 * 1024
/** Rows from one sample to the next, on average, where rows are small. */
const MOST_APART = 64
/** How much of what was learned before a sample of one row counts for. */
const MEMORY = 64
const MOST = 2 ** 30
/** The least bytes that are taken to be sent for one byte of memory. */
const LEAST_SENT = 1 / 8

/**
 * How many bytes the rows of one lane take. To measure each would take longer than all else that is done to accept it, so
 * samples stand for the rows around them: the larger they are the closer they follow each other, and where sizes jump,
 * few rows pass before that is seen. Samples are drawn at random: rows of some other size may come at a regular distance.
 */
export class RowScale {
  readonly #columns: readonly string[]
  #mean = 0
  /** The mean as a whole number, so that sums of it stay exact. */
  #usual = 0
  #apart = 1
  /** Rows until the next sample. */
  #skip = 1
  /** Bytes sent for each byte of memory. */
  #sent = 1

  constructor(columns: readonly string[]) {
    this.#columns = columns
  }

  /** Bytes of memory: those of this row where it is one to be measured, else those of the average row. */
  weigh(row: Row): number {
    return --this.#skip > 0 ? this.#usual : this.#sample(row)
  }

  /** How many rows come before the next one that is measured. */
  get unmeasured(): number {
    return this.#skip - 1
  }

  /** Bytes of memory of each of those. */
  get usual(): number {
    return this.#usual
  }

  /** So many of those come. */
  pass(rows: number): void {
    this.#skip -= rows
  }

  /** Bytes of memory of this very row. */
  measure(row: Row): number {
    return sizeOf(row, this.#columns)
  }

  /** The next row is measured. */
  measureNext(): void {
    this.#skip = 1
  }

  #sample(row: Row): number {
    const bytes = this.measure(row)
    const share = this.#usual === 0 ? 1 : this.#apart / (this.#apart + MEMORY) // it stands for all rows since the last one
    this.#mean += (bytes - this.#mean) * share
    this.#usual = whole(this.#mean)
    this.#apart = Math.max(1, Math.min(this.#apart * 2, MOST_APART, whole(LARGE / bytes)))
    this.#skip = 1 + whole(Math.random() * (2 * this.#apart - 1))
    return bytes
  }

  /** A batch of `bytes` was sent as `sent`; returns how many bytes of memory such rows take for one that is sent. */
  learn(bytes: number, sent: number): number {
    if (bytes > 0) this.#sent += (sent / bytes - this.#sent) / 4
    return 1 / Math.max(LEAST_SENT, this.#sent)
  }
}

/** As the engine keeps small whole numbers: as any other number, each row's would be an object by itself. */
function whole(value: number): number {
  return Math.min(value, MOST) | 0
}
