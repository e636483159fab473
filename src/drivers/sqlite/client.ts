import { isPromise } from 'node:util/types'
import { implementing } from '../../support/validate.ts'
import { having, property, refuseStrangers, type Stranger } from '../kit/strangers.ts'

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

const STRANGERS: readonly Stranger[] = [
  { is: isClosed, what: 'one that is closed: close it after the flow' },
  { is: isAsynchronous, what: 'an asynchronous one: make it with better-sqlite3, libsql or node:sqlite' },
]

/** `node:sqlite` has a property for it since 22.15; before, only its error tells. */
function isClosed(database: object): boolean {
  if (property(database, 'open') === false || property(database, 'isOpen') === false) return true
  const tried = tryOut(database)
  return tried instanceof Error && property(tried, 'code') === 'ERR_INVALID_STATE'
}

/** Statements of `sqlite3` come at once, and are ready later: of these databases it alone can work in parallel. */
function isAsynchronous(database: object): boolean {
  return isPromise(tryOut(database)) || having('parallelize')(database)
}

/** A statement, or what is thrown instead. */
function tryOut(database: object): unknown {
  try {
    const statement: unknown = isDatabaseLike(database) ? database.prepare('SELECT 1') : undefined
    if (isPromise(statement)) statement.catch(() => undefined)
    return statement
  } catch (error) {
    return error
  }
}

const isDatabaseLike = having('prepare') as (given: object) => given is SqliteDatabase

/** @throws {OptionError} when it is no such database, or one that cannot carry batches */
export function validDatabase(given: SqliteDatabase): SqliteDatabase {
  refuseStrangers('sqliteExecutor: database must be a synchronous SQLite database', STRANGERS, given)
  return isDatabase('sqliteExecutor: database', given)
}

/** Runs a statement with positional parameters, and returns what the client says about it. */
export type Run = (statement: SqliteStatement, parameters: readonly unknown[]) => unknown

/** `better-sqlite3` and `libsql`, which alone have `pragma`, take one array; `node:sqlite` takes them one by one. */
export function runOf(database: SqliteDatabase): Run {
  const takesArray = typeof Reflect.get(database, 'pragma') === 'function'
  return takesArray
    ? (statement, parameters) => Reflect.apply(statement.run, statement, [parameters])
    : (statement, parameters) => Reflect.apply(statement.run, statement, parameters)
}

/** All clients tell it in this way. @param said what one returned of a statement it ran */
export function changesNothing(said: unknown): boolean {
  return Number(property(said, 'changes')) === 0
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
