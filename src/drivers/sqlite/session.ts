import { AttemptError } from '../../contract/driver.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { classify } from './classify.ts'
import { type Run, runOf, type SqliteDatabase } from './client.ts'
import type { SqliteOperation } from './operation.ts'

const ROW_AT_FAULT: ReadonlySet<string | undefined> = new Set(['duplicate_key', 'constraint', 'invalid_data'])

/** Carries out operations on the database, each as one transaction. */
export class Session {
  readonly #database: SqliteDatabase
  readonly #run: Run

  constructor(database: SqliteDatabase) {
    this.#database = database
    this.#run = runOf(database)
  }

  /**
   * IMMEDIATE: the lock is had at the start or not at all, never lost half-way.
   *
   * @throws {AttemptError} `ambiguous` when the disk failed at the end, with the row where that one is at fault
   */
  send(operation: SqliteOperation): void {
    this.#certain(() => this.#database.exec('BEGIN IMMEDIATE'))
    try {
      this.#insert(operation)
      this.#commit()
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  #insert({ form, rows }: SqliteOperation): void {
    const statement = this.#certain(() => form.prepared(this.#database))
    let rowIndex = 0
    try {
      for (; rowIndex < rows.length; rowIndex++) this.#run(statement, rows[rowIndex]!)
    } catch (error) {
      throw new AttemptError(error, ROW_AT_FAULT.has(classify(error)?.reason) ? { rowIndex } : {})
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
