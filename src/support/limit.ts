/** How much may be held at once: the one definition of full, for a batch and for the buffer. */
export class Limit {
  readonly rows: number
  readonly bytes: number

  constructor(rows: number, bytes: number) {
    this.rows = rows
    this.bytes = bytes
  }

  /** Nothing goes in beside `rows` rows of together `bytes`. */
  isReached(rows: number, bytes: number): boolean {
    return rows >= this.rows || bytes >= this.bytes
  }

  /** One of `more` bytes goes in beside them. What is larger than all there is goes in alone. */
  admits(rows: number, bytes: number, more: number): boolean {
    return (bytes + more <= this.bytes && rows < this.rows) || rows === 0
  }

  /** Which part of all there is they take; 1 and more is full. */
  shareOf(rows: number, bytes: number): number {
    return Math.max(rows / this.rows, bytes / this.bytes)
  }
}
