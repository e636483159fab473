import type { AttemptContext, BatchInput, Driver, DriverTarget, RowFailure } from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import type { Table } from '../../contract/table.ts'
import type { TableFacts } from '../../contract/table-facts.ts'
import { fieldOf } from '../../support/field.ts'
import { withRefused } from '../kit/companions.ts'
import { pinned } from '../kit/encode-error.ts'
import { Forms } from '../kit/forms.ts'
import { failuresOf, type Sieved, withoutUnencodable } from '../kit/sieve.ts'
import { addend } from '../kit/values.ts'
import { classify } from './classify.ts'
import { type SqliteDatabase, validDatabase } from './client.ts'
import { SqliteCompanions } from './companions.ts'
import { type Bound, type EncodeDate, encode, encodeDates } from './encode.ts'
import { Form } from './form.ts'
import { GoodRows } from './good-rows.ts'
import { inspectTable } from './inspect.ts'
import { SqliteOperation } from './operation.ts'
import { type SqliteOptions, validOptions } from './options.ts'
import { failureOf, Session } from './session.ts'
import { targetOf } from './target.ts'
import { ourTurn } from './turn.ts'

/**
 * Writes batches to SQLite 3.24 and later over a synchronous `Database` the application owns. Each batch is one
 * transaction, carried out without a pause: nothing else can come between its rows, and an abort finds it done or not begun.
 */
export class SqliteDriver implements Driver<SqliteOperation> {
  readonly name = 'sqlite'
  readonly deletes = true
  readonly target: DriverTarget
  readonly connections = 1
  readonly companions: SqliteCompanions
  readonly #session: Session
  readonly #encodeDate: EncodeDate
  readonly #forms = new Forms<Form>()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(database: SqliteDatabase, options: SqliteOptions = {}) {
    const valid = validDatabase(database)
    const { dates, companions } = validOptions(options)
    this.#encodeDate = encodeDates(dates)
    this.#session = new Session(valid)
    this.companions = new SqliteCompanions(this.#session, companions)
    this.target = targetOf(valid)
  }

  plan(batch: BatchInput, { isolate = false }: Pick<AttemptContext, 'isolate'> = {}): SqliteOperation {
    const form = this.#form(batch)
    const encode = (rows: BatchInput, sieved?: Sieved) => new SqliteOperation(form, this.#encode(rows), sieved)
    return isolate ? withoutUnencodable(batch, encode, (single) => this.#encode(single)) : encode(batch)
  }

  async run(operation: SqliteOperation, context: AttemptContext): Promise<readonly RowFailure[] | undefined> {
    await ourTurn(context.signal)
    const refused: RowFailure[] = []
    const all = () => (operation.sieved === undefined ? refused : failuresOf(operation.sieved, refused))
    try {
      this.#send(operation, context, refused)
      return all()
    } catch (error) {
      throw withRefused(error, all)
    }
  }

  async probe(batch: Omit<BatchInput, 'rows'>, attempt: AttemptContext): Promise<void> {
    await ourTurn(attempt.signal)
    this.#session.probe(this.#form(batch).sql)
  }

  async inspect(table: Table, { signal }: AttemptContext): Promise<TableFacts | undefined> {
    await ourTurn(signal)
    return inspectTable(this.#session, table)
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  #send(operation: SqliteOperation, { isolate, companion, superseded }: AttemptContext, refused: RowFailure[]): void {
    const first = () => (companion === undefined ? undefined : this.companions.accompany(companion))
    try {
      const unchanged = this.#session.send(operation, first)
      superseded?.(unchanged)
    } catch (error) {
      const bad = failureOf(error)
      const isAlone = operation.length === 1 && operation.sieved === undefined
      if (bad === undefined || isolate !== true || isAlone) throw error
      const unchanged = new GoodRows(this.#session, operation, refused).send(bad, first)
      superseded?.(unchanged)
    }
  }

  #form(batch: Omit<BatchInput, 'rows'>): Form {
    return this.#forms.get(batch) ?? this.#forms.set(batch, new Form(batch))
  }

  #encode({ table, rows, columns }: BatchInput): readonly Bound[] {
    const adds = columns.map((column) => table.combine?.get(column) === 'add')
    return pinned(columns, (cursor) => {
      const values: Bound[] = []
      for (cursor.row = 0; cursor.row < rows.length; cursor.row++) {
        const row = rows[cursor.row]!
        for (cursor.column = 0; cursor.column < columns.length; cursor.column++) {
          const value = fieldOf(row, columns[cursor.column]!)
          values.push(encode(adds[cursor.column] ? addend(value) : value, this.#encodeDate))
        }
      }
      return values
    })
  }
}
