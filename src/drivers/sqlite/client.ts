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
  /** Asked only for what is committed together with a batch. */
  all?(...parameters: never[]): unknown[]
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

/** Calls a method of a statement with positional parameters. */
export type Call = <T>(statement: SqliteStatement, method: (...parameters: never[]) => T, parameters: Parameters) => T

type Parameters = readonly unknown[]

/** `better-sqlite3` and `libsql`, which alone have `pragma`, take one array; `node:sqlite` takes them one by one. */
export function callOf(database: SqliteDatabase): Call {
  const takesArray = typeof Reflect.get(database, 'pragma') === 'function'
  return takesArray
    ? (statement, method, parameters) => Reflect.apply(method, statement, [parameters] as never)
    : (statement, method, parameters) => Reflect.apply(method, statement, parameters as never)
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
