import type { Table } from '../../contract/table.ts'
import { onConflict, quoteList, quotePath } from '../kit/sql.ts'

/** One row. */
export function insertSql(table: Table, columns: readonly string[]): string {
  const values = columns.map(() => '?').join(', ')
  return `INSERT INTO ${quotePath(table.path)} (${quoteList(columns)}) VALUES (${values})${onConflict(table, columns)}`
}
