import { AttemptError, type RowFailure } from '../../contract/driver.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { classify } from './classify.ts'
import { type Call, callOf, type SqliteDatabase } from './client.ts'
import type { Bound } from './encode.ts'
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
   * All rows, or none.
   *
   * @param first what else the transaction holds
   * @throws {AttemptError} `ambiguous` when the disk failed at the end, with the row where that one is at fault
   */
  send(operation: SqliteOperation, first: () => void): void {
    this.within(() => {
      first()
      this.#insert(operation, 0, operation.rows.length)
    })
  }

  /**
   * The rows that SQLite takes; the others go to `failures`. Good rows go in groups, as many at once as there lately were between two
   * bad ones.
   *
   * @param firstBad as `send` found it
   */
  sendGood(operation: SqliteOperation, firstBad: RowFailure, failures: RowFailure[], first: () => void): void {
    const { length } = operation.rows
    failures.push(firstBad)
    this.within(() => {
      first()
      this.#insert(operation, 0, firstBad.index)
      let size = firstBad.index + 1
      for (let at = firstBad.index + 1; at < length; ) {
        const end = Math.min(at + 2 * size, length)
        const failure = this.#insertApart(operation, at, end)
        if (failure !== undefined) failures.push(failure)
        const next = failure === undefined ? end : failure.index + 1
        size = next - at
        at = next
      }
    })
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

  #insert({ form, rows }: SqliteOperation, first: number, end: number): void {
    const statement = this.#certain(() => this.#statements.get(form.sql))
    let rowIndex = first
    try {
      for (; rowIndex < end; rowIndex++) this.#call(statement, statement.run, rows[rowIndex]!)
    } catch (error) {
      throw new AttemptError(error, ROW_AT_FAULT.has(classify(error)?.reason) ? { rowIndex } : {})
    }
  }

  /**
   * Rows up to the first bad one, of which nothing stays: RAISE(FAIL) leaves what the statement has done until then. A failure
   * that ended the transaction is thrown.
   */
  #insertApart(operation: SqliteOperation, first: number, end: number): RowFailure | undefined {
    this.#execute(SAVEPOINT)
    const failure = this.#tryInsert(operation, first, end)
    if (failure !== undefined) this.#insert(operation, first, failure.index)
    this.#execute(RELEASE)
    return failure
  }

  #tryInsert(operation: SqliteOperation, first: number, end: number): RowFailure | undefined {
    try {
      this.#insert(operation, first, end)
      return undefined
    } catch (error) {
      const failure = failureOf(error)
      if (failure === undefined || !this.#takeBack()) throw error
      return failure
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

const SAVEPOINT = 'SAVEPOINT batchflow'
const TAKE_BACK = 'ROLLBACK TO batchflow'
const RELEASE = 'RELEASE batchflow'

/** The row at fault, where there is one. */
export function failureOf(error: unknown): RowFailure | undefined {
  if (!(error instanceof AttemptError) || error.rowIndex === undefined) return undefined
  return { index: error.rowIndex, error }
}
