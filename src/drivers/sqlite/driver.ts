import {
  type AttemptContext,
  AttemptError,
  type BatchInput,
  type Driver,
  type DriverTarget,
  type Operation,
} from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import type { Table } from '../../contract/table.ts'
import { implementing } from '../../support/options.ts'
import { type Cursor, pinned } from '../kit/encode-error.ts'
import { fieldOf } from '../kit/values.ts'
import { classify } from './classify.ts'
import { fileOf, type Run, runOf, type SqliteDatabase, type SqliteStatement } from './client.ts'
import { type Bound, type EncodeDate, encode } from './encode.ts'
import { dateEncoder, type SqliteOptions } from './options.ts'
import { insertSql } from './sql.ts'

/** The statement of one set of columns; prepared when it is first run. */
interface Form {
  readonly sql: string
  statement: SqliteStatement | undefined
}

/** A batch encoded for SQLite: one statement, run once for each row. */
export class SqliteOperation implements Operation {
  readonly name = 'INSERT'
  readonly text: string
  /** @internal */
  readonly form: Form
  /** @internal */
  readonly rows: readonly (readonly Bound[])[]

  constructor(form: Form, rows: readonly (readonly Bound[])[]) {
    this.text = form.sql
    this.form = form
    this.rows = rows
  }
}

/**
 * Writes batches to SQLite 3.24 and later over a synchronous `Database` the application owns. Each batch is one
 * transaction, carried out without a pause: nothing else can come between its rows, and an abort finds it done or not begun.
 */
export class SqliteDriver implements Driver<SqliteOperation> {
  readonly name = 'sqlite'
  readonly target: DriverTarget
  readonly #database: SqliteDatabase
  readonly #run: Run
  readonly #encodeDate: EncodeDate
  readonly #forms = new WeakMap<Table, WeakMap<readonly string[], Form>>()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(database: SqliteDatabase, options: SqliteOptions = {}) {
    this.#database = isDatabase('sqliteExecutor: database', database)
    this.#run = runOf(database)
    this.target = { namespace: fileOf(database) }
    this.#encodeDate = dateEncoder(options)
  }

  plan(batch: BatchInput): SqliteOperation {
    return new SqliteOperation(this.#formOf(batch), this.#encode(batch))
  }

  /** The event loop has its turn before every batch, however many follow each other. */
  async run(operation: SqliteOperation, { signal }: AttemptContext): Promise<undefined> {
    await new Promise((resolve) => setImmediate(resolve))
    if (signal.aborted) throw new AttemptError(signal.reason, { ambiguous: false })
    this.#transact(operation)
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  #formOf({ table, columns }: BatchInput): Form {
    let forms = this.#forms.get(table)
    if (forms === undefined) this.#forms.set(table, (forms = new WeakMap()))
    let form = forms.get(columns)
    if (form === undefined) forms.set(columns, (form = { sql: insertSql(table, columns), statement: undefined }))
    return form
  }

  #encode({ rows, columns }: BatchInput): readonly (readonly Bound[])[] {
    return pinned(columns, (cursor) =>
      rows.map((row, i) => {
        cursor.row = i
        return this.#encodeRow(row, columns, cursor)
      }),
    )
  }

  #encodeRow(row: object, columns: readonly string[], cursor: Cursor): readonly Bound[] {
    const values: Bound[] = []
    for (cursor.column = 0; cursor.column < columns.length; cursor.column++) {
      values.push(encode(fieldOf(row, columns[cursor.column]!), this.#encodeDate))
    }
    return values
  }

  /** IMMEDIATE: the lock is had at the start or not at all, never lost half-way. */
  #transact({ form, rows }: SqliteOperation): void {
    const database = this.#database
    this.#certain(() => database.exec('BEGIN IMMEDIATE'))
    try {
      this.#insert(form, rows)
      this.#commit()
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  #insert(form: Form, rows: readonly (readonly Bound[])[]): void {
    const statement = this.#certain(() => (form.statement ??= this.#database.prepare(form.sql)))
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
      throw new AttemptError(error, { ambiguous: false })
    }
  }
}

const isDatabase = implementing<SqliteDatabase>('a synchronous SQLite database', 'prepare', 'exec')

const ROW_AT_FAULT: ReadonlySet<string | undefined> = new Set(['duplicate_key', 'constraint', 'invalid_data'])
