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
        return this.#insert(operation, 0, operation.length, apart)
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

  /**
   * The rows that SQLite takes; the others go to `failures`. Returns how many changed nothing.
   *
   * @param firstBad as `send` found it
   */
  sendGood(operation: SqliteOperation, firstBad: RowFailure, failures: RowFailure[], first: () => void): number {
    failures.push(firstBad)
    return this.within(() => {
      first()
      const unchanged = this.#insertGood(operation, 0, firstBad.index)
      const rest = { first: firstBad.index + 1, end: operation.length }
      if (!this.#mayLeaveRows()) return unchanged + this.#insertAround(operation, rest, failures)
      return unchanged + this.#insertApartFrom(operation, rest, firstBad.index, failures)
    })
  }

  /**
   * A statement that fails leaves nothing and ends nothing, but for RAISE and OR of triggers and for ON CONFLICT of columns
   * (FAIL and ROLLBACK). Of databases attached nothing is known.
   */
  #mayLeaveRows(): boolean {
    try {
      const isAttached = ({ name }: { name?: unknown }) => name !== 'main' && name !== 'temp'
      return this.read(UNUSUAL, []).length > 0 || this.read('PRAGMA database_list', []).some(isAttached)
    } catch {
      return true
    }
  }

  /** Where failed statements leave nothing: in groups, and the rows of one that fails one by one. */
  #insertAround(operation: SqliteOperation, { first, end }: Span, failures: RowFailure[], most = end - first): number {
    let unchanged = 0
    for (let at = first; at < end; ) {
      const { rows } = groupOf(operation, Math.min(most, end - at))
      const done = this.#tryInsert(operation, at, at + rows)
      if (typeof done === 'number') unchanged += done
      else if (done instanceof GroupError) unchanged += this.#insertAround(operation, done, failures, 1)
      else failures.push(done)
      at += rows
    }
    return unchanged
  }

  #tryInsert(operation: SqliteOperation, first: number, end: number): number | GroupError | RowFailure {
    try {
      return this.#insert(operation, first, end)
    } catch (error) {
      const bad = error instanceof GroupError ? error : failureOf(error)
      if (bad === undefined) throw error
      return bad
    }
  }

  /** Where they may: in spans that are taken back, as many rows at once as there lately were between two bad ones. */
  #insertApartFrom(operation: SqliteOperation, { first, end }: Span, before: number, failures: RowFailure[]): number {
    let good = before + 1
    let unchanged = 0
    for (let at = first; at < end; ) {
      const span = { first: at, end: Math.min(at + 2 * good, end) }
      const { bad, done } = this.#insertApart(operation, span)
      if (bad !== undefined) failures.push(bad)
      unchanged += done
      const next = bad === undefined ? span.end : bad.index + 1
      good = next - at
      at = next
    }
    return unchanged
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
  #insert(operation: SqliteOperation, first: number, end: number, apart = NOWHERE): number {
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

  /** Rows that were taken before: where one is not any more, as somebody else has written meanwhile, nobody knows which. */
  #insertGood(operation: SqliteOperation, first: number, end: number): number {
    try {
      return this.#insert(operation, first, end)
    } catch (error) {
      throw error instanceof GroupError ? new AttemptError(error.cause, {}) : error
    }
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

  /** One by one up to the row at fault, of which nothing stays. Returns it, and how many before it changed nothing. */
  #insertApart(operation: SqliteOperation, span: Span): { bad?: RowFailure; done: number } {
    this.#execute(SAVEPOINT)
    try {
      const done = this.#insert(operation, span.first, span.end, span)
      this.#execute(RELEASE)
      return { done }
    } catch (error) {
      const bad = failureOf(error)
      if (bad === undefined || !this.#takeBack()) throw error
      const done = this.#insertGood(operation, span.first, bad.index)
      this.#execute(RELEASE)
      return { bad, done }
    }
  }

  #takeBack(): boolean {
    try {
      this.#execute(TAKE_BACK)
      return true
    } catch {
      return false
    }
  }

  #execute(sql: string): void {
    this.change(sql)
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
interface Span {
  readonly first: number
  readonly end: number
}

const NOWHERE: Span = { first: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY }

/** One of several rows that went in one statement is at fault. */
class GroupError extends Error implements Span {
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

const UNUSUAL = `SELECT 1 FROM (SELECT type, sql FROM sqlite_master UNION ALL SELECT type, sql FROM sqlite_temp_master)
  WHERE type = 'trigger' OR sql LIKE '%ON%CONFLICT%' LIMIT 1`

/** The largest group of at most so many rows. */
function groupOf({ form }: SqliteOperation, most: number): Group {
  return form.groups.find(({ rows }) => rows <= most)!
}

const SAVEPOINT = 'SAVEPOINT batchflow'
const TAKE_BACK = 'ROLLBACK TO batchflow'
const RELEASE = 'RELEASE batchflow'

/** The row at fault, where there is one. */
export function failureOf(error: unknown): RowFailure | undefined {
  if (!(error instanceof AttemptError) || error.rowIndex === undefined) return undefined
  return { index: error.rowIndex, error }
}
