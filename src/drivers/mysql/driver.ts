import {
  type AttemptContext,
  AttemptError,
  type BatchInput,
  type Driver,
  type DriverTarget,
} from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import type { Table } from '../../contract/table.ts'
import { Forms } from '../kit/forms.ts'
import { type Lender, withLease } from '../kit/lease.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { chunksOf, type Limits } from './chunks.ts'
import { classify } from './classify.ts'
import { isServerError, type MysqlConnection, type MysqlPool, validPool } from './client.ts'
import { type Lease, lenderOf } from './connection.ts'
import { Form } from './form.ts'
import { areIndexed, MissingIndexError } from './keys.ts'
import { MysqlOperation } from './operation.ts'
import { type MysqlOptions, validOptions } from './options.ts'
import { rowIndexOf } from './row-index.ts'
import { type Settings, settingsOf } from './server.ts'
import { type Statement, Transaction } from './session.ts'
import { targetOf } from './target.ts'

const MOST_PARAMETERS = 65_535
/** The server keeps as many prepared statements as it is willing to, of all its clients together. */
const TOO_MANY_PREPARED = 1461

/**
 * Writes batches to MySQL 5.7 and MariaDB 10.3 and later, over a pool the application owns, with multi-row INSERTs. Each
 * batch is one transaction: all of its rows are committed, or none.
 */
export class MysqlDriver implements Driver<MysqlOperation> {
  readonly name = 'mysql'
  readonly target: DriverTarget
  readonly #lender: Lender<MysqlConnection>
  #prepare: boolean
  /** As the first connection found them; all lead to the same server. */
  #settings: Settings | undefined
  /** Tables whose conflict keys have an index. */
  readonly #checked = new WeakSet<Table>()
  readonly #forms = new Forms<Form>()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(pool: MysqlPool, options: MysqlOptions = {}) {
    this.#prepare = validOptions(options).prepare
    const valid = validPool(pool)
    this.#lender = lenderOf(valid)
    this.target = targetOf(valid)
  }

  plan(batch: BatchInput, { signal }: AttemptContext): MysqlOperation | Promise<MysqlOperation> {
    const isNew = batch.table.keys.length > 0 && !this.#checked.has(batch.table)
    if (this.#settings !== undefined && !isNew) return this.#encode(batch, this.#settings)
    return this.#getToKnow(batch.table, isNew, signal).then((settings) => this.#encode(batch, settings))
  }

  async run(operation: MysqlOperation, { signal }: AttemptContext): Promise<undefined> {
    await withLease(this.#lender, signal, async (lease) => {
      const settings = await settingsOf(lease, signal)
      const prepare = this.#prepare
      try {
        await this.#write(lease, settings, operation, signal)
      } catch (error) {
        const cause = error instanceof AttemptError ? error.cause : error
        if (!prepare || !isServerError(cause) || cause.errno !== TOO_MANY_PREPARED) throw error
        this.#prepare = false
        throw new AttemptError(cause, { stale: true })
      }
    })
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  async #getToKnow(table: Table, isNew: boolean, signal: AbortSignal): Promise<Settings> {
    const [settings, areFit] = await withLease(this.#lender, signal, async (lease) => {
      const found = await settingsOf(lease, signal)
      return [found, !isNew || (await areIndexed(lease, table, signal))] as const
    })
    this.#settings = settings
    if (!areFit) throw withoutEffect(new MissingIndexError(table))
    this.#checked.add(table)
    return settings
  }

  #encode(batch: BatchInput, { packet, dialect }: Settings): MysqlOperation {
    const form = this.#forms.get(batch) ?? this.#forms.set(batch, new Form(batch.table, batch.columns, dialect))
    // values that are escaped into the text, which only happens unprepared, can take twice their room
    const limits: Limits = { packet: this.#prepare ? packet : packet / 2, parameters: MOST_PARAMETERS }
    return new MysqlOperation(form, chunksOf(batch, limits, form.sizes.split))
  }

  async #write(lease: Lease, settings: Settings, operation: MysqlOperation, signal: AbortSignal): Promise<void> {
    const { form, chunks } = operation
    const statements = chunks.map((chunk) => this.#statement(form, chunk.rows, chunk.values))
    let rowIndex: number | undefined
    const transaction = new Transaction(this.#lender, lease, settings, signal)
    try {
      await transaction.run(statements, async (index, error) => {
        const { first, rows, values } = chunks[index]!
        const suspect = await rowIndexOf(lease.connection, error)
        if (suspect === undefined || suspect >= rows) return
        const width = values.length / rows
        const alone = this.#statement(form, 1, values.slice(suspect * width, (suspect + 1) * width))
        if ((await errnoOf(transaction.execute(alone))) === error.errno) rowIndex = first + suspect
      })
    } catch (error) {
      if (rowIndex === undefined || !(error instanceof AttemptError)) throw error
      throw new AttemptError(error.cause, { rowIndex })
    }
  }

  #statement(form: Form, rows: number, values: readonly unknown[]): Statement {
    return { sql: form.sql(rows), values, prepare: this.#prepare }
  }
}

/** The number of the error that the promise rejects with, if the server raised it. */
function errnoOf(promise: Promise<void>): Promise<number | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (isServerError(error) ? error.errno : Promise.reject(error)),
  )
}
