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

/** What is still left of a limit. Counted down, so that a row costs two comparisons and no sums. */
export class Room {
  readonly limit: Limit
  rows: number
  bytes: number

  constructor(limit: Limit) {
    this.limit = limit
    this.rows = limit.rows
    this.bytes = limit.bytes
  }

  /** Bytes that went in. */
  get taken(): number {
    return this.limit.bytes - this.bytes
  }

  /** One of `bytes` goes in. What is larger than all there is goes in alone. */
  fits(bytes: number): boolean {
    return bytes <= this.bytes ? this.rows > 0 : this.rows === this.limit.rows
  }

  /** Nothing more goes in, however small. */
  get isUsedUp(): boolean {
    return this.rows <= 0 || this.bytes <= 0
  }

  /** How many of `bytes` each go in. */
  fitting(bytes: number): number {
    return bytes === 0 ? this.rows : Math.min(this.rows, Math.floor(this.bytes / bytes))
  }

  /** Returns whether it {@link isUsedUp} now. */
  take(bytes: number): boolean {
    this.rows--
    this.bytes -= bytes
    return this.isUsedUp
  }

  giveBack(rows: number, bytes: number): void {
    this.rows += rows
    this.bytes += bytes
  }
}
