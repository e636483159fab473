import type { Executor, Table } from 'batchflow-otel'
import type { Kind } from '../input/kinds.ts'

/** A column of a table that is there. */
export interface Column {
  readonly name: string
  /** As the database calls it. */
  readonly type: string
  readonly kind: Kind
}

/** A column of a table that is to be made. `type`: as the database calls it, where the user has said so. */
export interface NewColumn {
  readonly name: string
  readonly kind: Kind
  readonly type?: string | undefined
}

/** Where a load stands, kept where the rows are; for databases without transactions. */
export interface Bookmark {
  read(): Promise<string>
  write(position: string): Promise<void>
}

/** A database the command line writes to. */
export interface Database {
  readonly label: string
  readonly executor: Executor
  /** What values of a column of this type are; `type` as the database calls it. */
  kindOf(type: string): Kind
  /** The statement that makes a table; `undefined` where there are none to make. */
  createSql(path: readonly string[], columns: readonly NewColumn[], keys: readonly string[]): string | undefined
  run(sql: string): Promise<void>
  /** How a text with a point in time is handed over. @default as it is */
  timeOf?(text: string): unknown
  bookmark?(name: string): Bookmark
  close(): Promise<void>
}

export interface OpenOptions {
  readonly url: string
  /** Connections at most. */
  readonly connections: number
  /** What becomes of a file that is not there: one that is empty is made, on the disk or only in memory. @default it is refused */
  readonly missing?: 'make' | 'imagine' | undefined
}

/** Name, type and key of a `CREATE TABLE`. */
export function createTable(
  name: string,
  columns: readonly NewColumn[],
  keys: readonly string[],
  sql: { quote(name: string): string; type(column: NewColumn, isKey: boolean): string },
): string {
  const lines = columns.map((column) => {
    const type = column.type ?? sql.type(column, keys.includes(column.name))
    return `  ${sql.quote(column.name)} ${type}`
  })
  if (keys.length > 0) lines.push(`  PRIMARY KEY (${keys.map(sql.quote).join(', ')})`)
  return `CREATE TABLE IF NOT EXISTS ${name} (\n${lines.join(',\n')}\n)`
}

/** The columns of a table that can be written. `undefined`: there is no such table. `'any'`: it takes any. */
export async function columnsOf(
  { executor, kindOf }: Database,
  table: Table,
): Promise<readonly Column[] | undefined | 'any'> {
  const { signal } = new AbortController()
  const facts = await executor.driver.inspect!(table, { signal })
  if (facts === undefined) return undefined
  if (facts.columns === undefined) return 'any'
  const writable = facts.columns.filter(({ generated }) => generated !== true)
  return writable.map(({ name, type }) => ({ name, type, kind: kindOf(type) }))
}
