import type { Table } from '../../table.ts'

/** One column of an `unnest`: the type its parameter has, and the one to cast to in the SELECT, if any. */
export interface UnnestColumn {
  readonly name: string
  readonly parameter: string
  readonly cast: string | undefined
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quotePath(path: readonly string[]): string {
  return path.map(quoteIdentifier).join('.')
}

export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? ` E${quoted}` : quoted
}

export function copySql(table: Table, columns: readonly string[], format: 'binary' | 'text'): string {
  return `COPY ${quotePath(table.path)} (${list(columns)}) FROM STDIN (FORMAT ${format})`
}

/** The same text whatever the number of rows: one array per column. */
export function insertSql(table: Table, columns: readonly UnnestColumn[]): string {
  const names = columns.map((column) => column.name)
  const parameters = columns.map((column, i) => `$${i + 1}::${column.parameter}[]`)
  const aliases = columns.map((_, i) => `c${i}`)
  const values = columns.map((column, i) => (column.cast === undefined ? `u.c${i}` : `u.c${i}::${column.cast}`))
  return (
    `INSERT INTO ${quotePath(table.path)} (${list(names)}) SELECT ${values.join(', ')} ` +
    `FROM unnest(${parameters.join(', ')}) AS u(${aliases.join(', ')})${onConflict(table, names)}`
  )
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
