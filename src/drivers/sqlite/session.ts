import { AttemptError, type RowFailure } from '../../contract/driver.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { classify } from './classify.ts'
import { changesNothing, type Run, runOf, type SqliteDatabase } from './client.ts'
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

/** What became of some rows: the first bad one, and how many changed nothing. */
interface Apart {
  readonly failure: RowFailure | undefined
  readonly unchanged: number
}

/** Carries out operations on the database, each as one transaction. */
export class Session {
  readonly #database: SqliteDatabase
  readonly #run: Run
  readonly #statements: Statements

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#run = runOf(database)
    this.#statements = new Statements(database)
  }

  /**
   * All rows, or none. Returns how many of them changed nothing.
   *
   * @throws {AttemptError} `ambiguous` when the disk failed at the end, with the row where that one is at fault
   */
  send(operation: SqliteOperation): number {
    return this.#within(() => this.#insert(operation, 0, operation.rows.length))
  }

  /**
   * The rows that SQLite takes; returns the others, and how many of them changed nothing. Good rows go in groups, as many at once as there lately were between two
   * bad ones.
   *
   * @param firstBad as `send` found it
   */
  sendGood(operation: SqliteOperation, firstBad: RowFailure): { failures: RowFailure[]; unchanged: number } {
    const { length } = operation.rows
    const failures = [firstBad]
    const unchanged = this.#within(() => {
      let unchanged = this.#insert(operation, 0, firstBad.index)
      let size = firstBad.index + 1
      for (let at = firstBad.index + 1; at < length; ) {
        const end = Math.min(at + 2 * size, length)
        const { failure, unchanged: more } = this.#insertApart(operation, at, end)
        unchanged += more
        if (failure !== undefined) failures.push(failure)
        const next = failure === undefined ? end : failure.index + 1
        size = next - at
        at = next
      }
      return unchanged
    })
    return { failures, unchanged }
  }

  /** Asks whether SQLite would take such rows at all. */
  probe(sql: string): void {
    this.#within(() => this.#certain(() => this.#database.prepare(sql)))
  }

  /** IMMEDIATE: the lock is had at the start or not at all, never lost half-way. */
  #within<T>(act: () => T): T {
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

  /** Returns how many rows changed nothing, where that is of interest. */
  #insert({ form, rows }: SqliteOperation, first: number, end: number): number {
    const statement = this.#certain(() => this.#statements.get(form.sql))
    let rowIndex = first
    let unchanged = 0
    try {
      for (; rowIndex < end; rowIndex++) {
        const said = this.#run(statement, rows[rowIndex]!)
        if (form.counts && changesNothing(said)) unchanged++
      }
      return unchanged
    } catch (error) {
      throw new AttemptError(error, ROW_AT_FAULT.has(classify(error)?.reason) ? { rowIndex } : {})
    }
  }

  /**
   * Rows up to the first bad one, of which nothing stays: RAISE(FAIL) leaves what the statement has done until then. A failure
   * that ended the transaction is thrown.
   */
  #insertApart(operation: SqliteOperation, first: number, end: number): Apart {
    this.#execute(SAVEPOINT)
    const { failure, unchanged } = this.#tryInsert(operation, first, end)
    const again = failure === undefined ? 0 : this.#insert(operation, first, failure.index)
    this.#execute(RELEASE)
    return { failure, unchanged: unchanged + again }
  }

  #tryInsert(operation: SqliteOperation, first: number, end: number): Apart {
    try {
      return { failure: undefined, unchanged: this.#insert(operation, first, end) }
    } catch (error) {
      const failure = failureOf(error)
      if (failure === undefined || !this.#takeBack()) throw error
      return { failure, unchanged: 0 }
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
    this.#run(this.#statements.get(sql), [])
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
