import type { Companion } from '../contract/companion.ts'
import type { BatchInput, Operation, RowFailure } from '../contract/driver.ts'
import { isIdempotent, type Row, type Table } from '../contract/table.ts'
import { logError } from '../support/guard.ts'
import type { Shape } from './shapes.ts'

/** Rows that bring the database down themselves must not do so for ever. */
const MOST_FORGIVEN = 10

/** Rows of a batch that go to the database in one operation. */
export class Part implements BatchInput {
  readonly table: Table
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
  readonly deletions: boolean
  readonly #indices: readonly number[] | undefined
  /** Built at the first attempt, kept for the next ones. */
  operation: Operation | undefined
  /** What is committed with these rows, and with no others. */
  companion: Companion | undefined
  /** Rows that were left out of the last attempt whose answer was lost, as far as its driver knew. */
  refused: readonly RowFailure[] | undefined
  /** Attempts made with these rows together, and with larger parts they were in before. */
  tries = 0
  /** Those of them that count; what an outage stopped does not. */
  charged = 0
  /** How many of these lost their connection or got no answer: they may have met the beginning of an outage. */
  lost = 0
  #earlier = 0
  #forgiven = 0
  replanned = false
  /** An attempt with these rows, alone or with others, ended without an outcome: they may be written. */
  ambiguous = false

  constructor(table: Table, { columns, rows, indices, deletions = false }: Shape) {
    this.table = table
    this.columns = columns
    this.rows = rows
    this.deletions = deletions
    this.#indices = indices
  }

  /** All attempts made with these rows. */
  get attempts(): number {
    return this.#earlier + this.tries
  }

  /** The place in the batch of the row at `index`. */
  placeOf(index: number): number {
    return this.#indices === undefined ? index : this.#indices[index]!
  }

  /** Written twice it leaves what it leaves when it is written once. */
  get isIdempotent(): boolean {
    return this.deletions || isIdempotent(this.table)
  }

  #of(rows: readonly Row[], indices: readonly number[]): Part {
    const { table, columns, deletions } = this
    return new Part(table, { columns, rows, indices, deletions })
  }

  /** The rows from `start` up to `end`, to be attempted by themselves. */
  slice(start: number, end: number): Part {
    const indices = Array.from({ length: end - start }, (_, i) => this.placeOf(start + i))
    const part = this.#of(this.rows.slice(start, end), indices)
    part.#earlier = this.attempts
    part.ambiguous = this.ambiguous
    return part
  }

  /** @param usedUp its attempts are: each half gets the last one again */
  halves(usedUp: boolean): Part[] {
    const { length } = this.rows
    const halves = [this.slice(0, length >>> 1), this.slice(length >>> 1, length)]
    if (usedUp) for (const half of halves) half.charged = this.charged - 1
    return halves
  }

  /** What is before and behind the row at `index`. */
  around(index: number): Part[] {
    const { length } = this.rows
    return [this.slice(0, index), this.slice(index + 1, length)].filter(({ rows }) => rows.length > 0)
  }

  /** The rows at `places`, which have had as many attempts as this part. */
  pick(places: readonly number[]): Part {
    const rows = places.map((index) => this.rows[index]!)
    const indices = places.map((index) => this.placeOf(index))
    const part = this.#of(rows, indices)
    part.tries = this.tries
    part.charged = this.charged
    part.lost = this.lost
    part.replanned = this.replanned
    part.#forgiven = this.#forgiven
    part.#earlier = this.#earlier
    part.ambiguous = this.ambiguous
    return part
  }

  /** The last `attempts` met an outage: they are not held against the rows, nor is what was lost as it began. */
  forgive(attempts: number): void {
    const losses = Math.min(this.lost, MOST_FORGIVEN - this.#forgiven)
    this.charged -= losses + attempts
    this.#forgiven += losses
    this.lost = 0
  }

  /** Same rows, same attempt, a new operation. */
  replan(): Part {
    this.release()
    this.replanned = true
    this.tries--
    this.charged--
    return this
  }

  release(): void {
    const { operation } = this
    this.operation = undefined
    try {
      operation?.release?.()
    } catch (error) {
      logError('a driver could not give back an operation', error)
    }
  }
}
