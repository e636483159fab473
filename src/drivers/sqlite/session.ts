import { AttemptError, type RowFailure } from '../../contract/driver.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { classify } from './classify.ts'
import { type Call, callOf, type SqliteDatabase } from './client.ts'
import type { Bound } from './encode.ts'
import type { Group } from './form.ts'
import type { SqliteOperation } from './operation.ts'
import { Statements } from './statements.ts'

/**
 * Reasons of a statement that was prepared, so that the table is as it should be, and fails on a row. An odd code may be a
 * trigger's or a function's: what it was given is at fault nevertheless.
 */
const ROW_AT_FAULT: ReadonlySet<string | undefined> = new Set([
  'duplicate_key',
  'constraint',
  'invalid_data',
  'syntax',
  'unknown',
  undefined,
])

/** Carries out operations on the database, each as one transaction. */
export class Session {
  readonly #database: SqliteDatabase
  readonly #call: Call
  readonly #statements: Statements

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#call = callOf(database)
    this.#statements = new Statements(database)
  }

  /**
   * All rows, or none. Many of them go in one statement; where one is at fault they go again, one by one, to see which.
   * Returns how many changed nothing, where that is of interest.
   *
   * @param first what else the transaction holds
   * @throws {AttemptError} `ambiguous` when the disk failed at the end, with the row where that one is at fault
   */
  send(operation: SqliteOperation, first: () => void): number {
    const insert = (apart?: Span) =>
      this.within(() => {
        first()
        return this.insert(operation, 0, operation.length, apart)
      })
    for (let apart: Span | undefined; ; ) {
      try {
        return insert(apart)
      } catch (error) {
        if (!(error instanceof GroupError)) throw error
        apart = { first: error.first, end: operation.length } // once, unless somebody else writes meanwhile
      }
    }
  }

  /** Runs a statement of our own in the transaction that is open; returns how many rows it changed. */
  change(sql: string, values: readonly Bound[] = []): number {
    const statement = this.#statements.get(sql)
    return changesIn(this.#call(statement, statement.run, values))
  }

  /** The rows it answers with. */
  read(sql: string, values: readonly Bound[]): object[] {
    const statement = this.#statements.get(sql)
    if (statement.all === undefined) throw new OptionError('sqliteExecutor: statements of the database must have all()')
    return this.#call(statement, statement.all, values) as object[]
  }

  /** Asks whether SQLite would take such rows at all. */
  probe(sql: string): void {
    this.within(() => this.#certain(() => this.#database.prepare(sql)))
  }

  /** One transaction. IMMEDIATE: the lock is had at the start or not at all, never lost half-way. */
  within<T>(act: () => T): T {
    this.#certain(() => this.#database.exec('BEGIN IMMEDIATE'))
    try {
      const result = act()
      this.#commit()
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  /**
   * The rows from `first` up to `end`, in groups, but for those of `apart`. Returns how many changed nothing.
   *
   * @throws {GroupError} {AttemptError} with the row at fault
   */
  insert(operation: SqliteOperation, first: number, end: number, apart = NOWHERE): number {
    let unchanged = 0
    for (let at = first; at < end; ) {
      const most = (at < apart.first ? Math.min(apart.first, end) : end) - at
      const isApart = at >= apart.first && at < apart.end
      const { rows, sql } = groupOf(operation, isApart ? 1 : most)
      const changed = this.#insertGroup(operation, sql, { first: at, end: at + rows })
      if (operation.form.counts) unchanged += rows - changed
      at += rows
    }
    return unchanged
  }

  #insertGroup(operation: SqliteOperation, sql: string, span: Span): number {
    const statement = this.#certain(() => this.#statements.get(sql))
    try {
      return changesIn(this.#call(statement, statement.run, operation.slice(span.first, span.end)))
    } catch (error) {
      if (!ROW_AT_FAULT.has(classify(error)?.reason)) throw new AttemptError(error, {})
      if (span.end - span.first > 1) throw new GroupError(span, error)
      throw new AttemptError(error, { rowIndex: span.first })
    }
  }

  /** When the disk fails here, what was written may be found complete after all. */
  #commit(): void {
    try {
      this.#database.exec('COMMIT')
    } catch (error) {
      throw new AttemptError(error, { ambiguous: classify(error)?.reason === 'io' })
    }
  }

  /** Errors that concern the whole database have ended the transaction already, as RAISE(ROLLBACK) does. */
  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK')
    } catch {}
  }

  #certain<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      throw withoutEffect(error)
    }
  }
}

/** Some rows of an operation. */
export interface Span {
  readonly first: number
  readonly end: number
}

const NOWHERE: Span = { first: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY }

/** One of several rows that went in one statement is at fault. */
export class GroupError extends Error implements Span {
  readonly first: number
  readonly end: number

  constructor({ first, end }: Span, cause: unknown) {
    super('a row of a group is at fault', { cause })
    this.first = first
    this.end = end
  }
}

/** Rows that a statement has changed, as all clients tell it. */
function changesIn(result: unknown): number {
  return typeof result === 'object' && result !== null ? Number(Reflect.get(result, 'changes')) : 0
}

/** The largest group of at most so many rows. */
export function groupOf({ form }: SqliteOperation, most: number): Group {
  return form.groups.find(({ rows }) => rows <= most)!
}

/** The row at fault, where there is one. */
export function failureOf(error: unknown): RowFailure | undefined {
  if (!(error instanceof AttemptError) || error.rowIndex === undefined) return undefined
  return { index: error.rowIndex, error }
}
