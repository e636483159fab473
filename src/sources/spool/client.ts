import { isPromise } from 'node:util/types'
import { OptionError } from '../../support/batchflow-error.ts'
import { implementing } from '../../support/validate.ts'

/**
 * The slice of a synchronous SQLite client the spool calls, typed structurally: a `Database` of `better-sqlite3` or
 * `libsql`, or a `DatabaseSync` of `node:sqlite`, fits without a cast, and none of them is imported.
 */
export interface SpoolDatabase {
  prepare(sql: string): SpoolStatement
  exec(sql: string): unknown
}

export interface SpoolStatement {
  run(...parameters: never[]): unknown
  all(...parameters: never[]): unknown
}

const isDatabase = implementing<SpoolDatabase>('a synchronous SQLite database', 'prepare', 'exec')

/** Calls a method of a statement with positional parameters. */
export type Invoke = (statement: SpoolStatement, method: 'run' | 'all', parameters: readonly unknown[]) => unknown

/** `better-sqlite3` and `libsql`, which alone have `pragma`, take one array; `node:sqlite` takes them one by one. */
export function invokeOf(database: SpoolDatabase): Invoke {
  const takesArray = typeof Reflect.get(database, 'pragma') === 'function'
  return (statement, method, parameters) =>
    Reflect.apply(statement[method], statement, takesArray ? [parameters] : parameters)
}

/** @throws {OptionError} when it is no such database */
export function validSpoolDatabase(given: unknown): SpoolDatabase {
  const database = isDatabase('spool: database', given)
  let statement: unknown
  try {
    statement = database.prepare('SELECT 1')
  } catch {
    return database // what is wrong with it is told when it is opened
  }
  if (isPromise(statement)) statement.catch(() => undefined)
  if (typeof (statement as Partial<SpoolStatement> | null)?.all === 'function' && !isAsynchronous(database))
    return database
  const advice = 'make it with better-sqlite3, libsql or node:sqlite'
  throw new OptionError(
    `spool: database must be a synchronous SQLite database, received an asynchronous one: ${advice}`,
  )
}

/** Statements of `sqlite3` come at once, and are ready later: of these databases it alone can work in parallel. */
function isAsynchronous(database: object): boolean {
  return 'parallelize' in database
}

/** Primary result codes (SQLite documentation, "Result and Error Codes") that are told apart here. */
const CODES: Readonly<Record<number, string>> = {
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  26: 'SQLITE_NOTADB',
}

/** The primary result code by name: `errcode` is a number in `node:sqlite`, `rawCode` in `libsql`; `code` a name elsewhere. */
export function resultOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  for (const property of ['errcode', 'rawCode']) {
    const code: unknown = Reflect.get(error, property)
    if (typeof code === 'number') return CODES[code & 0xff]
  }
  const name: unknown = Reflect.get(error, 'code')
  return typeof name === 'string' ? Object.values(CODES).find((code) => name.startsWith(code)) : undefined
}
