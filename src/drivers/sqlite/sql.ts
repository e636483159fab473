import type { Table } from '../../contract/table.ts'
import { onConflict, quoteList, quotePath } from '../kit/sql.ts'

/** @param rows of one statement */
export function insertSql(table: Table, columns: readonly string[], rows = 1): string {
  const row = `(${columns.map(() => '?').join(', ')})`
  const values = Array.from({ length: rows }, () => row).join(', ')
  return `INSERT INTO ${quotePath(table.path)} (${quoteList(columns)}) VALUES ${values}${onConflict(table, columns)}`
}
