import type { Table } from '../../contract/table.ts'
import {
  isNotNewer,
  type Operator,
  type OperatorOf,
  onConflict,
  quoteIdentifier,
  quoteList,
  quotePath,
} from '../kit/sql.ts'

/** By what a unique index of a type compares, where those are operators of a schema that the search path may lack. */
export type Operators = Readonly<Partial<Record<Operator, string>>>

/** One column of an `unnest`: the type its parameter has, and the one to cast to in the SELECT, if any. */
export interface UnnestColumn {
  readonly name: string
  readonly parameter: string
  readonly cast: string | undefined
  /** The type that a value has once it is stored. */
  readonly exact: string
  readonly operators?: Operators | undefined
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
  return `INSERT INTO ${quotePath(table.path)} (${quoteList(names)}) SELECT ${values.join(', ')}${conflictSql(table, columns)}`
}

/**
 * Values are compared as the unique index does. What the name of an operator stands for is up to the search path: without the schema of
 * citext in it two of them are compared as text.
 */
export function conflictSql(table: Table, columns: readonly UnnestColumn[]): string {
  const names = columns.map(({ name }) => name)
  return onConflict(table, names, operatorsOf(columns))
}

function operatorsOf(columns: readonly UnnestColumn[]): OperatorOf {
  return (column, operator) => columns.find(({ name }) => name === column)?.operators?.[operator] ?? operator
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
  const operatorOf = operatorsOf(columns)
  const conditions = keys.map((key, i) => `t.${quoteIdentifier(key)} ${operatorOf(key, '=')} u.c${i}`)
  if (newer !== undefined) {
    conditions.push(isNotNewer(`t.${quoteIdentifier(newer)}`, `u.c${keys.length}`, operatorOf(newer, '>')))
  }
  return (
    `DELETE FROM ${quotePath(path)} AS t USING (SELECT ${values.join(', ')} ` +
    `FROM ROWS FROM (${tables.join(', ')}) AS v(${aliases.join(', ')})) AS u WHERE ${conditions.join(' AND ')}`
  )
}

/** One array for each column. */
export function parametersOf(columns: readonly UnnestColumn[]): string[] {
  return columns.map((column, i) => `$${i + 1}::${column.parameter}[]`)
}
