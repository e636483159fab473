import type { Operation } from '../../contract/driver.ts'
import type { Sieved } from '../kit/sieve.ts'
import type { Bound } from './encode.ts'
import type { Form } from './form.ts'

/** A batch encoded for SQLite: its values one after the other, row by row. */
export class SqliteOperation implements Operation {
  readonly name: string
  readonly text: string
  readonly form: Form
  readonly values: readonly Bound[]
  /** Rows. */
  readonly length: number
  /** Where rows could not be encoded. */
  readonly sieved: Sieved | undefined

  constructor(form: Form, values: readonly Bound[], sieved?: Sieved) {
    this.name = form.name
    this.text = form.sql
    this.form = form
    this.values = values
    this.length = values.length / form.width
    this.sieved = sieved
  }

  /** The values of the rows from `first` up to `end`. */
  slice(first: number, end: number): readonly Bound[] {
    const { width } = this.form
    return this.values.slice(first * width, end * width)
  }
}
