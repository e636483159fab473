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
   *
   * @param first what else the transaction holds
   * @throws {AttemptError} `ambiguous` when the disk failed at the end, with the row where that one is at fault
   */
  send(operation: SqliteOperation, first: () => void): void {
    const insert = (apart?: Span) =>
      this.within(() => {
        first()
        this.#insert(operation, 0, operation.length, apart)
      })
    try {
      insert()
    } catch (error) {
      if (!(error instanceof GroupError)) throw error
      insert({ first: error.first, end: operation.length })
    }
  }

  /**
   * The rows that SQLite takes; the others go to `failures`.
   *
   * @param firstBad as `send` found it
   */
  sendGood(operation: SqliteOperation, firstBad: RowFailure, failures: RowFailure[], first: () => void): void {
    failures.push(firstBad)
    this.within(() => {
      first()
      this.#insert(operation, 0, firstBad.index)
      const rest = { first: firstBad.index + 1, end: operation.length }
      if (this.#hasTriggers()) this.#insertApartFrom(operation, rest, firstBad.index, failures)
      else this.#insertAround(operation, rest, failures)
    })
  }

  /** A statement that fails leaves nothing, but for RAISE(FAIL) and OR FAIL of triggers. Of databases attached nothing is known. */
  #hasTriggers(): boolean {
    try {
      const isAttached = ({ name }: { name?: unknown }) => name !== 'main' && name !== 'temp'
      return this.read(TRIGGERS, []).length > 0 || this.read('PRAGMA database_list', []).some(isAttached)
    } catch {
      return true
    }
  }

  /** Where failed statements leave nothing: in groups, and the rows of one that fails one by one. */
  #insertAround(operation: SqliteOperation, { first, end }: Span, failures: RowFailure[], most = end - first): void {
    for (let at = first; at < end; ) {
      const { rows } = groupOf(operation, Math.min(most, end - at))
      const bad = this.#tryInsert(operation, at, at + rows)
      if (bad instanceof GroupError) this.#insertAround(operation, bad, failures, 1)
      else if (bad !== undefined) failures.push(bad)
      at += rows
    }
  }

  #tryInsert(operation: SqliteOperation, first: number, end: number): GroupError | RowFailure | undefined {
    try {
      this.#insert(operation, first, end)
      return undefined
    } catch (error) {
      const bad = error instanceof GroupError ? error : failureOf(error)
      if (bad === undefined) throw error
      return bad
    }
  }

  /** Where they may: in spans that are taken back, as many rows at once as there lately were between two bad ones. */
  #insertApartFrom(operation: SqliteOperation, { first, end }: Span, before: number, failures: RowFailure[]): void {
    let good = before + 1
    for (let at = first; at < end; ) {
      const span = { first: at, end: Math.min(at + 2 * good, end) }
      const failure = failureOf(this.#insertApart(operation, span))
      if (failure !== undefined) failures.push(failure)
      const next = failure === undefined ? span.end : failure.index + 1
      good = next - at
      at = next
    }
  }

  /** Runs a statement of our own in the transaction that is open; returns how many rows it changed. */
  change(sql: string, values: readonly Bound[] = []): number {
    const statement = this.#statements.get(sql)
    const result: unknown = this.#call(statement, statement.run, values)
    return typeof result === 'object' && result !== null ? Number(Reflect.get(result, 'changes')) : 0
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
  within(act: () => void): void {
    this.#certain(() => this.#database.exec('BEGIN IMMEDIATE'))
    try {
      act()
      this.#commit()
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  /**
   * The rows from `first` up to `end`, in groups, but for those of `apart`.
   *
   * @throws {GroupError} {AttemptError} with the row at fault
   */
  #insert(operation: SqliteOperation, first: number, end: number, apart = NOWHERE): void {
    for (let at = first; at < end; ) {
      const most = (at < apart.first ? Math.min(apart.first, end) : end) - at
      const isApart = at >= apart.first && at < apart.end
      const { rows, sql } = groupOf(operation, isApart ? 1 : most)
      this.#insertGroup(operation, sql, { first: at, end: at + rows })
      at += rows
    }
  }

  #insertGroup(operation: SqliteOperation, sql: string, span: Span): void {
    const statement = this.#certain(() => this.#statements.get(sql))
    try {
      this.#call(statement, statement.run, operation.slice(span.first, span.end))
    } catch (error) {
      if (!ROW_AT_FAULT.has(classify(error)?.reason)) throw new AttemptError(error, {})
      if (span.end - span.first > 1) throw new GroupError(span, error)
      throw new AttemptError(error, { rowIndex: span.first })
    }
  }

  /** One by one up to the row at fault, of which nothing stays; returns what says which that is. */
  #insertApart(operation: SqliteOperation, span: Span): unknown {
    this.#execute(SAVEPOINT)
    try {
      this.#insert(operation, span.first, span.end, span)
      this.#execute(RELEASE)
      return undefined
    } catch (error) {
      const failure = failureOf(error)
      if (failure === undefined || !this.#takeBack()) throw error
      this.#insert(operation, span.first, failure.index)
      this.#execute(RELEASE)
      return error
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

const TRIGGERS = `SELECT 1 FROM sqlite_master WHERE type = 'trigger'
  UNION ALL SELECT 1 FROM sqlite_temp_master WHERE type = 'trigger' LIMIT 1`

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
