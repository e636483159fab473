/** Numbers of rows that have a statement of their own, beside the powers of two. */
const MOST_EXACT = 4
const MOST_REMEMBERED = 64

/**
 * Which row counts the statements of one table have, so that few texts are ever prepared: powers of two, and counts that
 * come again, as `flushSize` does. Prepared statements are a bounded good of the whole server.
 */
export class Sizes {
  readonly #exact = new Set<number>()
  readonly #seen = new Set<number>()

  /** The counts, largest first, that add up to `rows`. */
  readonly split = (rows: number): readonly number[] => {
    if (this.#isExact(rows)) return [rows]
    const counts: number[] = []
    for (let left = rows; left > 0; left -= counts.at(-1)!) counts.push(2 ** Math.floor(Math.log2(left)))
    return counts
  }

  #isExact(rows: number): boolean {
    if (this.#exact.has(rows)) return true
    if (this.#exact.size === MOST_EXACT) return false
    if (this.#seen.has(rows)) {
      this.#exact.add(rows)
      return true
    }
    if (this.#seen.size === MOST_REMEMBERED) this.#seen.clear()
    this.#seen.add(rows)
    return false
  }
}
