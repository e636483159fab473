import type { Table } from '../../contract/table.ts'

/** As standard SQL quotes a name; PostgreSQL and SQLite do. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quotePath(path: readonly string[]): string {
  return path.map(quoteIdentifier).join('.')
}

export function quoteList(names: readonly string[]): string {
  return names.map(quoteIdentifier).join(', ')
}

/** The `ON CONFLICT` clause of PostgreSQL, which SQLite took over. `columns`: those the rows of this statement have. */
export function onConflict(table: Table, columns: readonly string[]): string {
  if (table.action === 'error') return ''
  const target = table.keys.length === 0 ? '' : ` (${quoteList(table.keys)})`
  const set = table.set.filter((column) => columns.includes(column))
  if (set.length === 0) return ` ON CONFLICT${target} DO NOTHING`
  const assignments = set.map((column) => `${quoteIdentifier(column)} = excluded.${quoteIdentifier(column)}`)
  return ` ON CONFLICT${target} DO UPDATE SET ${assignments.join(', ')}`
}
