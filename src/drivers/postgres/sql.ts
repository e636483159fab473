import type { Table } from '../../contract/table.ts'
import { isNotNewer, onConflict, quoteIdentifier, quoteList, quotePath } from '../kit/sql.ts'

/** One column of an `unnest`: the type its parameter has, and the one to cast to in the SELECT, if any. */
export interface UnnestColumn {
  readonly name: string
  readonly parameter: string
  readonly cast: string | undefined
  /** The type that a value has once it is stored. */
  readonly exact: string
}

export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? ` E${quoted}` : quoted
}

export function copySql(table: Table, columns: readonly string[], format: 'binary' | 'text'): string {
  return `COPY ${quotePath(table.path)} (${quoteList(columns)}) FROM STDIN (FORMAT ${format})`
}

/**
 * The same text whatever the number of rows: one array per column. In the SELECT list they are taken apart row by row; in FROM each
 * array would first become a table of its own in the server's memory, which takes three times as long.
 */
export function insertSql(
  table: Table,
  columns: readonly UnnestColumn[],
  arrays: readonly string[] = parametersOf(columns),
): string {
  const names = columns.map(({ name }) => name)
  const values = columns.map(({ cast }, i) => `pg_catalog.unnest(${arrays[i]})${cast === undefined ? '' : `::${cast}`}`)
  return `INSERT INTO ${quotePath(table.path)} (${quoteList(names)}) SELECT ${values.join(', ')}${onConflict(table, names)}`
}

/**
 * Rows are looked for by what their keys become when they are stored, which the cast does. No name is left for a column of the table to
 * take, nor for a variable around it; and a function `unnest` of the schema is another one.
 *
 * @param columns the keys, then the version if there is one
 * @param arrays one for each of them
 */
export function deleteSql(
  { path, keys, newer }: Table,
  columns: readonly UnnestColumn[],
  arrays: readonly string[] = parametersOf(columns),
): string {
  const aliases = columns.map((_, i) => `c${i}`)
  const values = columns.map(({ exact }, i) => `v.c${i}::${exact} AS c${i}`)
  const tables = arrays.map((array) => `pg_catalog.unnest(${array})`)
  const conditions = keys.map((key, i) => `t.${quoteIdentifier(key)} = u.c${i}`)
  if (newer !== undefined) conditions.push(isNotNewer(`t.${quoteIdentifier(newer)}`, `u.c${keys.length}`))
  return (
    `DELETE FROM ${quotePath(path)} AS t USING (SELECT ${values.join(', ')} ` +
    `FROM ROWS FROM (${tables.join(', ')}) AS v(${aliases.join(', ')})) AS u WHERE ${conditions.join(' AND ')}`
  )
}

/** One array for each column. */
export function parametersOf(columns: readonly UnnestColumn[]): string[] {
  return columns.map((column, i) => `$${i + 1}::${column.parameter}[]`)
}
