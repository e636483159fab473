import type { AttemptContext, BatchInput, Driver, DriverTarget, RowFailure } from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import { fieldOf } from '../../support/field.ts'
import { type Cursor, pinned } from '../kit/encode-error.ts'
import { Forms } from '../kit/forms.ts'
import { failuresOf, type Sieved, withoutUnencodable } from '../kit/sieve.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { classify } from './classify.ts'
import { type SqliteDatabase, validDatabase } from './client.ts'
import { type Bound, type EncodeDate, encode, encodeDates } from './encode.ts'
import { Form } from './form.ts'
import { SqliteOperation } from './operation.ts'
import { type SqliteOptions, validOptions } from './options.ts'
import { failureOf, Session } from './session.ts'
import { targetOf } from './target.ts'

/**
 * Writes batches to SQLite 3.24 and later over a synchronous `Database` the application owns. Each batch is one
 * transaction, carried out without a pause: nothing else can come between its rows, and an abort finds it done or not begun.
 */
export class SqliteDriver implements Driver<SqliteOperation> {
  readonly name = 'sqlite'
  readonly target: DriverTarget
  readonly #session: Session
  readonly #encodeDate: EncodeDate
  readonly #forms = new Forms<Form>()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(database: SqliteDatabase, options: SqliteOptions = {}) {
    const valid = validDatabase(database)
    this.#encodeDate = encodeDates(validOptions(options).dates)
    this.#session = new Session(valid)
    this.target = targetOf(valid)
  }

  plan(batch: BatchInput, { isolate = false }: Pick<AttemptContext, 'isolate'> = {}): SqliteOperation {
    const form = this.#form(batch)
    const encode = (rows: BatchInput, sieved?: Sieved) => new SqliteOperation(form, this.#encode(rows), sieved)
    return isolate ? withoutUnencodable(batch, encode, (single) => this.#encode(single)) : encode(batch)
  }

  /** The event loop has its turn before every batch, however many follow each other. */
  async run(operation: SqliteOperation, context: AttemptContext): Promise<readonly RowFailure[] | undefined> {
    await ourTurn(context)
    const refused = this.#send(operation, context)
    return operation.sieved === undefined ? refused : failuresOf(operation.sieved, refused ?? [])
  }

  async probe(batch: Pick<BatchInput, 'table' | 'columns'>, attempt: AttemptContext): Promise<void> {
    await ourTurn(attempt)
    this.#session.probe(this.#form(batch).sql)
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  #send(operation: SqliteOperation, { isolate, superseded }: AttemptContext): readonly RowFailure[] | undefined {
    try {
      const unchanged = this.#session.send(operation)
      superseded?.(unchanged)
      return undefined
    } catch (error) {
      const bad = failureOf(error)
      const isAlone = operation.rows.length === 1 && operation.sieved === undefined
      if (bad === undefined || isolate !== true || isAlone) throw error
      const { failures, unchanged } = this.#session.sendGood(operation, bad)
      superseded?.(unchanged)
      return failures
    }
  }

  #form(batch: Pick<BatchInput, 'table' | 'columns'>): Form {
    return this.#forms.get(batch) ?? this.#forms.set(batch, new Form(batch.table, batch.columns))
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
}

async function ourTurn({ signal }: AttemptContext): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  if (signal.aborted) throw withoutEffect(signal.reason)
}
