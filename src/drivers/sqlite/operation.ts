import type { Operation } from '../../contract/driver.ts'
import type { Sieved } from '../kit/sieve.ts'
import type { Bound } from './encode.ts'
import type { Form } from './form.ts'

/** A batch encoded for SQLite: one statement, run once for each row. */
export class SqliteOperation implements Operation {
  readonly name = 'INSERT'
  readonly text: string
  /** @internal */
  readonly form: Form
  /** @internal */
  readonly rows: readonly (readonly Bound[])[]
  /** Where rows could not be encoded. @internal */
  readonly sieved: Sieved | undefined

  constructor(form: Form, rows: readonly (readonly Bound[])[], sieved?: Sieved) {
    this.text = form.sql
    this.form = form
    this.rows = rows
    this.sieved = sieved
  }
}
