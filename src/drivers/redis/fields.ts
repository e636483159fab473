import { columnsOf, type Row, type Table } from '../../contract/table.ts'
import { fieldOf } from '../../support/field.ts'
import { EncodeError } from '../kit/encode-error.ts'
import type { Pipeline } from './pipeline.ts'
import { bulks, type Constant } from './writer.ts'

/** The fields of the row being written, each value read once. */
export class Fields {
  /** How many have a value, and how many are NULL. */
  present = 0
  absent = 0
  readonly #columns: readonly string[]
  readonly #names: readonly Constant[]
  readonly #values: unknown[]

  constructor(table: Table, columns: readonly string[]) {
    this.#columns = columns
    this.#names = columnsOf(table, columns).map((column) => bulks(column))
    this.#values = columns.map(() => undefined)
  }

  read(row: Row): this {
    this.present = 0
    for (let i = 0; i < this.#columns.length; i++) {
      const value = fieldOf(row, this.#columns[i]!)
      this.#values[i] = value
      if (value !== null && value !== undefined) this.present++
    }
    this.absent = this.#columns.length - this.present
    return this
  }

  /** Of the row that was read. @param column one of those that were given */
  valueOf(column: string): unknown {
    return this.#values[this.#columns.indexOf(column)]
  }

  refuseNone(): void {
    if (this.present === 0) throw new EncodeError('every column is NULL, and Redis keeps no empty hash')
  }

  set(out: Pipeline, key: string | Uint8Array): void {
    out.command('hset', 1 + 2 * this.present)
    out.key(key)
    this.write(out)
  }

  write(out: Pipeline): void {
    for (let i = 0; i < this.#names.length; i++) {
      const value = this.#values[i]
      if (value === null || value === undefined) continue
      out.constant(this.#names[i]!)
      out.argument(value)
    }
  }

  remove(out: Pipeline, key: string | Uint8Array): void {
    out.command('hdel', 1 + this.absent)
    out.key(key)
    this.writeAbsent(out)
  }

  writeAbsent(out: Pipeline): void {
    this.#names.forEach((name, i) => {
      if (this.#values[i] === null || this.#values[i] === undefined) out.constant(name)
    })
  }
}
