import type { Table } from '../../contract/table.ts'
import { isNotNewer, onConflict, quoteIdentifier, quoteList, quotePath } from '../kit/sql.ts'

/** @param rows of one statement */
export function insertSql(table: Table, columns: readonly string[], rows = 1): string {
  const row = `(${columns.map(() => '?').join(', ')})`
  const values = Array.from({ length: rows }, () => row).join(', ')
  return `INSERT INTO ${quotePath(table.path)} (${quoteList(columns)}) VALUES ${values}${onConflict(table, columns)}`
}

/** A parameter has no type of its own: it is compared as the column would store it. @param rows of one statement */
export function deleteSql({ path, keys, newer }: Table, rows = 1): string {
  const from = `DELETE FROM ${quotePath(path)} WHERE `
  const [first, ...others] = keys
  if (others.length === 0 && newer === undefined) {
    return `${from}${quoteIdentifier(first!)} IN (${Array.from({ length: rows }, () => '?').join(', ')})`
  }
  const conditions = keys.map((key) => `${quoteIdentifier(key)} = ?`)
  if (newer !== undefined) conditions.push(isNotNewer(quoteIdentifier(newer), '?'))
  return from + Array.from({ length: rows }, () => `(${conditions.join(' AND ')})`).join(' OR ')
}
