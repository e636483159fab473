import type { Table } from '../../contract/table.ts'
import { insertSql } from './sql.ts'

/** The statement of one table and list of columns. */
export class Form {
  readonly sql: string

  constructor(table: Table, columns: readonly string[]) {
    this.sql = insertSql(table, columns)
  }
}
