import type { BatchInput } from '../../contract/driver.ts'
import type { Table } from '../../contract/table.ts'

type Key = Pick<BatchInput, 'table' | 'columns'>

/** What a driver derives from a table and the columns of a batch, kept as long as somebody has that table. */
export class Forms<Form> {
  readonly #byTable = new WeakMap<Table, WeakMap<readonly string[], Form>>()

  get({ table, columns }: Key): Form | undefined {
    return this.#byTable.get(table)?.get(columns)
  }

  /** Returns the form. */
  set({ table, columns }: Key, form: Form): Form {
    let forms = this.#byTable.get(table)
    if (forms === undefined) this.#byTable.set(table, (forms = new WeakMap()))
    forms.set(columns, form)
    return form
  }

  /** Everything derived from the table. */
  forget(table: Table): void {
    this.#byTable.delete(table)
  }
}
