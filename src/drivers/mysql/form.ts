import type { BatchInput } from '../../contract/driver.ts'
import { columnsOf, inColumns } from '../../contract/table.ts'
import { AS_IT_IS, type Comparand } from './comparands.ts'
import { Sizes } from './sizes.ts'
import { type Dialect, deleteSql, insertSql, insertText, probeSql } from './sql.ts'

/** What is known of the place ahead of rows. */
export interface Place {
  readonly dialect: Dialect
  /** By columns in lower case; of tables with deletions. */
  readonly comparands?: ReadonlyMap<string, Comparand> | undefined
}

/** The statements of one table and list of columns, derived once, and how rows are divided among them. */
export class Form {
  readonly name: 'INSERT' | 'DELETE'
  readonly sizes = new Sizes()
  /** The statement for no row. */
  readonly probe: string
  /** How each value of a deletion is compared. */
  readonly comparands: readonly Comparand[] | undefined
  readonly #write: (rows: number) => string
  readonly #byRows = new Map<number, string>()

  constructor({ table, columns, deletions = false }: Omit<BatchInput, 'rows'>, { dialect, comparands }: Place) {
    const [stored, names] = [inColumns(table), columnsOf(table, columns)]
    this.name = deletions ? 'DELETE' : 'INSERT'
    if (!deletions) {
      const text = insertText(stored, names, dialect)
      this.comparands = undefined
      this.probe = probeSql(stored, names)
      this.#write = (rows) => insertSql(text, rows)
      return
    }
    const compared = names.map((name) => comparands?.get(name.toLowerCase()) ?? AS_IT_IS)
    const values = compared.map(({ sql }) => sql)
    this.comparands = compared
    this.#write = (rows) => deleteSql(stored, values, rows)
    this.probe = this.#write(0)
  }

  /** The statement for so many rows. */
  sql(rows: number): string {
    let sql = this.#byRows.get(rows)
    if (sql === undefined) this.#byRows.set(rows, (sql = this.#write(rows)))
    return sql
  }
}
