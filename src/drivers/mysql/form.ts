import { columnsOf, inColumns, type Table } from '../../contract/table.ts'
import { Sizes } from './sizes.ts'
import { type Dialect, type InsertText, insertSql, insertText, probeSql } from './sql.ts'

/** The statements of one table and list of columns, derived once, and how rows are divided among them. */
export class Form {
  readonly sizes = new Sizes()
  /** The statement for no row. */
  readonly probe: string
  readonly #text: InsertText
  readonly #byRows = new Map<number, string>()

  constructor(table: Table, columns: readonly string[], dialect: Dialect) {
    const names = columnsOf(table, columns)
    this.probe = probeSql(inColumns(table), names)
    this.#text = insertText(inColumns(table), names, dialect)
  }

  /** The statement for so many rows. */
  sql(rows: number): string {
    let sql = this.#byRows.get(rows)
    if (sql === undefined) this.#byRows.set(rows, (sql = insertSql(this.#text, rows)))
    return sql
  }
}
