import type { Table } from '../../table.ts'

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** One row. */
export function insertSql(table: Table, columns: readonly string[]): string {
  const path = table.path.map(quoteIdentifier).join('.')
  return `INSERT INTO ${path} (${list(columns)}) VALUES (${columns.map(() => '?').join(', ')})${onConflict(table, columns)}`
}

function onConflict(table: Table, columns: readonly string[]): string {
  if (table.action === 'error') return ''
  const target = table.keys.length === 0 ? '' : ` (${list(table.keys)})`
  const set = table.set.filter((column) => columns.includes(column))
  if (set.length === 0) return ` ON CONFLICT${target} DO NOTHING`
  const assignments = set.map((column) => `${quoteIdentifier(column)} = excluded.${quoteIdentifier(column)}`)
  return ` ON CONFLICT${target} DO UPDATE SET ${assignments.join(', ')}`
}

function list(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(', ')
}
