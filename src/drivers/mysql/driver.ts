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
import { type Chunk, chunksOf, type Limits } from './chunks.ts'
import { classify } from './classify.ts'
import { isServerError, type MysqlPool, type MysqlPromisePool, promisePool } from './client.ts'
import { areIndexed, MissingIndexError } from './keys.ts'
import { type Lease, withConnection } from './lease.ts'
import { type MysqlOptions, validOptions } from './options.ts'
import { rowIndexOf } from './row-index.ts'
import { type Session, sessionOf } from './server.ts'
import { type Statement, Transaction } from './session.ts'
import { Sizes } from './sizes.ts'
import { type InsertText, insertSql, insertText } from './sql.ts'
import { targetOf } from './target.ts'

const MOST_PARAMETERS = 65_535
/** The server keeps as many prepared statements as it is willing to, of all its clients together. */
const TOO_MANY_PREPARED = 1461

/** Texts of one set of columns, and how its rows are divided. */
interface Form {
  readonly text: InsertText
  readonly sizes: Sizes
  /** By number of rows. */
  readonly sql: Map<number, string>
}

/** A batch encoded for MySQL, in one statement or several. */
export class MysqlOperation implements Operation {
  readonly name = 'INSERT'
  /** With the parameters of one row. */
  readonly text: string
  /** @internal */
  readonly form: Form
  /** @internal */
  readonly chunks: readonly Chunk[]

  constructor(form: Form, chunks: readonly Chunk[]) {
    this.text = insertSql(form.text, 1)
    this.form = form
    this.chunks = chunks
  }
}

/**
 * Writes batches to MySQL 5.7 and MariaDB 10.3 and later, over a pool the application owns, with multi-row INSERTs. Each
 * batch is one transaction: all of its rows are committed, or none.
 */
export class MysqlDriver implements Driver<MysqlOperation> {
  readonly name = 'mysql'
  readonly target: DriverTarget
  readonly #pool: MysqlPromisePool
  #prepare: boolean
  /** Of the first connection; all lead to the same server. */
  #session: Session | undefined
  /** Tables whose conflict keys have an index. */
  readonly #checked = new WeakSet<Table>()
  readonly #forms = new WeakMap<Table, WeakMap<readonly string[], Form>>()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(pool: MysqlPool, options: MysqlOptions = {}) {
    this.#prepare = validOptions(options).prepare
    this.#pool = promisePool(pool)
    this.target = targetOf(this.#pool)
  }

  plan(batch: BatchInput, { signal }: AttemptContext): MysqlOperation | Promise<MysqlOperation> {
    const isNew = batch.table.keys.length > 0 && !this.#checked.has(batch.table)
    if (this.#session !== undefined && !isNew) return this.#encode(batch, this.#session)
    return this.#getToKnow(batch.table, isNew, signal).then((session) => this.#encode(batch, session))
  }

  async run(operation: MysqlOperation, { signal }: AttemptContext): Promise<undefined> {
    await withConnection(this.#pool, signal, async (lease) => {
      const session = await sessionOf(lease, signal)
      const prepare = this.#prepare
      try {
        await this.#write(lease, session, operation, signal)
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

  async #getToKnow(table: Table, isNew: boolean, signal: AbortSignal): Promise<Session> {
    const [session, areFit] = await withConnection(this.#pool, signal, async (lease) => {
      const found = await sessionOf(lease, signal)
      return [found, !isNew || (await areIndexed(lease, table, signal))] as const
    })
    this.#session = session
    if (!areFit) throw new AttemptError(new MissingIndexError(table), { ambiguous: false })
    this.#checked.add(table)
    return session
  }

  #encode(batch: BatchInput, session: Session): MysqlOperation {
    const form = this.#formOf(batch, session)
    // values that are escaped into the text, which only happens unprepared, can take twice their room
    const limits: Limits = {
      packet: this.#prepare ? session.packet : session.packet / 2,
      parameters: MOST_PARAMETERS,
    }
    return new MysqlOperation(form, chunksOf(batch, limits, form.sizes.split))
  }

  #formOf({ table, columns }: BatchInput, { dialect }: Session): Form {
    let forms = this.#forms.get(table)
    if (forms === undefined) this.#forms.set(table, (forms = new WeakMap()))
    let form = forms.get(columns)
    if (form === undefined) {
      form = { text: insertText(table, columns, dialect), sizes: new Sizes(), sql: new Map() }
      forms.set(columns, form)
    }
    return form
  }

  async #write(lease: Lease, session: Session, { form, chunks }: MysqlOperation, signal: AbortSignal): Promise<void> {
    const statements = chunks.map((chunk) => this.#statement(form, chunk.rows, chunk.values))
    let rowIndex: number | undefined
    const transaction = new Transaction(this.#pool, lease, session, signal)
    try {
      await transaction.run(statements, async (index, error) => {
        const { first, rows, values } = chunks[index]!
        const suspect = await rowIndexOf(lease.connection, error)
        if (suspect === undefined || suspect >= rows) return
        const width = values.length / rows
        const alone = this.#statement(form, 1, values.slice(suspect * width, (suspect + 1) * width))
        if ((await errnoOf(transaction.attempt(alone))) === error.errno) rowIndex = first + suspect
      })
    } catch (error) {
      if (rowIndex === undefined || !(error instanceof AttemptError)) throw error
      throw new AttemptError(error.cause, { rowIndex })
    }
  }

  #statement({ text, sql }: Form, rows: number, values: readonly unknown[]): Statement {
    let known = sql.get(rows)
    if (known === undefined) sql.set(rows, (known = insertSql(text, rows)))
    return { sql: known, values, prepare: this.#prepare }
  }
}

/** Of the error that the promise rejects with, if the server raised it. */
function errnoOf(promise: Promise<void>): Promise<number | undefined> {
  return promise.then(
    () => undefined,
    (error: unknown) => (isServerError(error) ? error.errno : Promise.reject(error)),
  )
}
