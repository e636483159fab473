import type { BatchInput } from '../../contract/driver.ts'
import { fieldOf } from '../../support/field.ts'
import type { Dates } from './dates.ts'
import { type Bound, encode } from './encode.ts'
import { NULL } from './parameter-writer.ts'

/** The rows of a batch as the values of parameters, one after the other. */
export class EncodedRows {
  readonly #batch: BatchInput
  readonly #dates: Dates
  readonly #bytes: Buffer
  /** Of each value. */
  readonly #types: Uint8Array
  /** Where each row begins in `#bytes`, and where the last one ends. */
  readonly #starts: Float64Array

  constructor(batch: BatchInput, dates: Dates, bytes: Buffer, types: Uint8Array, starts: Float64Array) {
    this.#batch = batch
    this.#dates = dates
    this.#bytes = bytes
    this.#types = types
    this.#starts = starts
  }

  get width(): number {
    return this.#batch.columns.length
  }

  /** Values for `mysql2` to encode in its own way. */
  bound(first: number, rows: number): Bound[] {
    const { rows: all, columns } = this.#batch
    const { bind } = this.#dates
    return all.slice(first, first + rows).flatMap((row) => columns.map((column) => encode(fieldOf(row, column), bind)))
  }

  /**
   * Parameters of a statement, `start` bytes from the beginning of a buffer: which are NULL, all types, all values (MySQL
   * documentation, `COM_STMT_EXECUTE`).
   *
   * @param named there is room for the name of each, which are empty: the client speaks of query attributes
   */
  parameters(first: number, rows: number, start: number, named: boolean): Buffer {
    const { width } = this
    const types = this.#types.subarray(first * width, (first + rows) * width)
    const count = types.length
    const values = this.#bytes.subarray(this.#starts[first], this.#starts[first + rows])
    const nulls = (count + 7) >> 3
    const each = named ? 3 : 2
    const buffer = Buffer.allocUnsafe(start + nulls + 1 + count * each + values.length)
    let at = start + nulls
    buffer.fill(0, start, at)
    buffer[at++] = 1 // types follow
    for (let i = 0; i < count; i++) {
      const type = types[i]!
      if (type === NULL) buffer[start + (i >> 3)]! |= 1 << (i & 7)
      buffer[at] = type
      buffer[at + 1] = 0 // signed
      if (named) buffer[at + 2] = 0
      at += each
    }
    buffer.set(values, at)
    return buffer
  }
}
