import type { Table } from '../../contract/table.ts'
import { insertSql } from './sql.ts'

/** The statement of one table and list of columns. */
export class Form {
  readonly sql: string
  /** It is to be told which rows change nothing. */
  readonly counts: boolean

  constructor(table: Table, columns: readonly string[]) {
    this.counts = table.newer !== undefined
    this.sql = insertSql(table, columns)
  }
}
