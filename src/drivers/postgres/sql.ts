import type { Table } from '../../contract/table.ts'
import { onConflict, quoteList, quotePath } from '../kit/sql.ts'

/** One column of an `unnest`: the type its parameter has, and the one to cast to in the SELECT, if any. */
export interface UnnestColumn {
  readonly name: string
  readonly parameter: string
  readonly cast: string | undefined
}

export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? ` E${quoted}` : quoted
}

export function copySql(table: Table, columns: readonly string[], format: 'binary' | 'text'): string {
  return `COPY ${quotePath(table.path)} (${quoteList(columns)}) FROM STDIN (FORMAT ${format})`
}

/** The same text whatever the number of rows: one array per column. */
export function insertSql(table: Table, columns: readonly UnnestColumn[]): string {
  const names = columns.map((column) => column.name)
  const parameters = parametersOf(columns)
  const aliases = columns.map((_, i) => `c${i}`)
  const values = columns.map((column, i) => (column.cast === undefined ? `u.c${i}` : `u.c${i}::${column.cast}`))
  return (
    `INSERT INTO ${quotePath(table.path)} (${quoteList(names)}) SELECT ${values.join(', ')} ` +
    `FROM unnest(${parameters.join(', ')}) AS u(${aliases.join(', ')})${onConflict(table, names)}`
  )
}

/** One array for each column. */
export function parametersOf(columns: readonly UnnestColumn[]): string[] {
  return columns.map((column, i) => `$${i + 1}::${column.parameter}[]`)
}
