import { implementing } from '../../support/validate.ts'

/**
 * The slice of a synchronous SQLite client this driver calls, typed structurally: a `Database` of `better-sqlite3` or
 * `libsql`, or a `DatabaseSync` of `node:sqlite`, fits without a cast, and none of them is imported.
 */
export interface SqliteDatabase {
  prepare(sql: string): SqliteStatement
  exec(sql: string): unknown
}

export interface SqliteStatement {
  run(...parameters: never[]): unknown
}

const isDatabase = implementing<SqliteDatabase>('a synchronous SQLite database', 'prepare', 'exec')

/** @throws {OptionError} when it is no such database */
export function validDatabase(given: SqliteDatabase): SqliteDatabase {
  return isDatabase('sqliteExecutor: database', given)
}

/** Runs a statement with positional parameters. */
export type Run = (statement: SqliteStatement, parameters: readonly unknown[]) => void

/** `better-sqlite3` and `libsql`, which alone have `pragma`, take one array; `node:sqlite` takes them one by one. */
export function runOf(database: SqliteDatabase): Run {
  const takesArray = typeof Reflect.get(database, 'pragma') === 'function'
  return takesArray
    ? (statement, parameters) => void Reflect.apply(statement.run, statement, [parameters])
    : (statement, parameters) => void Reflect.apply(statement.run, statement, parameters)
}

/** Extended result code, where the client tells it as a number: `errcode` in `node:sqlite`, `rawCode` in `libsql`. */
export function resultCode(error: Error): number | undefined {
  for (const property of ['errcode', 'rawCode']) {
    const code: unknown = Reflect.get(error, property)
    if (typeof code === 'number') return code
  }
  return undefined
}

/** Its name, as `better-sqlite3` and `libsql` tell it: `SQLITE_CONSTRAINT_UNIQUE`. */
export function resultName(error: Error): string | undefined {
  const name: unknown = Reflect.get(error, 'code')
  return typeof name === 'string' && name.startsWith('SQLITE_') ? name : undefined
}
