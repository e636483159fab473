import type { Executor } from 'batchflow-otel'
import type { Kind } from '../input/kinds.ts'

/** A column of a table that is there. */
export interface Column {
  readonly name: string
  /** As the database calls it. */
  readonly type: string
  readonly kind: Kind
}

/** What is known of a table. */
export interface Described {
  readonly columns: readonly Column[]
  /** Columns of each unique index without a condition, primary key first. */
  readonly unique: readonly (readonly string[])[]
}

/** A column of a table that is to be made. `type`: as the database calls it, where the user has said so. */
export interface NewColumn {
  readonly name: string
  readonly kind: Kind
  readonly type?: string | undefined
}

/** Something a check has looked at. */
export interface Finding {
  /** `undefined`: it could not be told. */
  readonly ok: boolean | undefined
  readonly text: string
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
  /** `undefined`: there is no such table. `'any'`: it takes any columns. */
  describe(path: readonly string[]): Promise<Described | undefined | 'any'>
  /** The statement that makes a table; `undefined` where there are none to make. */
  createSql(path: readonly string[], columns: readonly NewColumn[], keys: readonly string[]): string | undefined
  run(sql: string): Promise<void>
  /** Whether this user may write, as far as can be asked. */
  rights(path: readonly string[], keys: readonly string[]): Promise<readonly Finding[]>
  /** How a text with a point in time is handed over. @default as it is */
  timeOf?(text: string): unknown
  bookmark?(name: string): Bookmark
  close(): Promise<void>
}

export interface OpenOptions {
  readonly url: string
  /** Connections at most. */
  readonly connections: number
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
