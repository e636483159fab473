/** How many rows go into a batch at most: half as many as took too long, and slowly more again while all goes well. */
export class BatchSize {
  rows: number
  #most: number

  constructor(most: number) {
    this.rows = this.#most = most
  }

  tooLong(rows: number): void {
    this.rows = Math.max(1, Math.min(this.rows, rows >>> 1))
  }

  /** Another number of them is allowed from now on. */
  allow(most: number): void {
    if (this.rows === this.#most || this.rows > most) this.rows = most
    this.#most = most
  }

  /** A full batch was written. By eighths: one that is too large again costs the time of its attempts. */
  wentWell(): void {
    if (this.rows < this.#most) this.rows = Math.min(this.#most, this.rows + (this.rows >>> 3) + 1)
  }
}
