/**
 * How many rows the next batch may have, while one among those at the head is at fault or they take too long together: around
 * the one that the database named, else by halves.
 */
export class Suspects {
  /** Among so many rows at the head there is one that is at fault. */
  #rows = 0
  /** Which of them it is said to be. */
  #named: number | undefined

  /** `undefined`: as many as ever. */
  get most(): number | undefined {
    if (this.#rows === 0) return undefined
    if (this.#named !== undefined) return Math.max(1, this.#named)
    return Math.ceil(this.#rows / 2)
  }

  /** @param named the one at fault, as the database says */
  among(rows: number, named?: number): void {
    this.#rows = rows
    this.#named = named
  }

  /** So many rows at the head are committed. Where the one that was named is, it is another one. */
  committed(rows: number): void {
    this.#rows = Math.max(0, this.#rows - rows)
    if (this.#named !== undefined) this.#named = rows > this.#named ? undefined : this.#named - rows
  }

  clear(): void {
    this.#rows = 0
    this.#named = undefined
  }
}
