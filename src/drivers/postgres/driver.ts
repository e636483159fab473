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
import { OptionError } from '../../support/batchflow-error.ts'
import { implementing } from '../../support/options.ts'
import { classify } from './classify.ts'
import { isServerError, type PgPool } from './client.ts'
import { planCopy } from './copy.ts'
import { describeTable } from './describe.ts'
import type { Shape } from './form.ts'
import { planInsert } from './insert.ts'
import { type PostgresOptions, validOptions } from './options.ts'
import type { Statement } from './payload.ts'
import { rowIndexOf } from './row-index.ts'
import { send, withClient } from './session.ts'
import { Tables } from './tables.ts'
import { targetOf } from './target.ts'
import { WriterPool } from './writer.ts'

/** No such column, no such table, a type that no longer fits. */
const MAYBE_ALTERED = /^(?:42703|42804|42P01)$/
/** Bytes that no longer fit are misread in any way (08P01, 22xxx, XX000), or our own check divides by zero (22012). */
const MAYBE_MISREAD = /^(?:08P01|22|XX000)/
/** COPY is not supported here: row-level security, a view, a foreign table that cannot. */
const NO_COPY = new Set(['0A000', '42809', '55000'])
/** A pooler gave us a connection whose prepared statements are not the ones `pg` remembers. */
const NO_PREPARE = new Set(['26000', '42P05'])

/** A batch encoded for PostgreSQL. */
export class PostgresOperation implements Operation {
  readonly batch: BatchInput
  readonly shape: Shape
  readonly statement: Statement

  constructor(batch: BatchInput, shape: Shape, statement: Statement) {
    this.batch = batch
    this.shape = shape
    this.statement = statement
  }

  get name(): 'COPY' | 'INSERT' {
    return this.statement.name
  }

  get text(): string {
    return this.statement.text
  }

  release(): void {
    this.statement.drop()
  }
}

/**
 * Writes batches to PostgreSQL 11 and later over a pool the application owns: plain inserts with COPY, everything else
 * with one `INSERT … SELECT … FROM unnest(…)`. Each batch is one transaction: all of its rows are committed, or none.
 */
export class PostgresDriver implements Driver<PostgresOperation> {
  readonly name = 'postgres'
  readonly target: DriverTarget
  readonly #pool: PgPool
  readonly #options: Required<PostgresOptions>
  readonly #tables: Tables
  readonly #writers = new WriterPool()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(pool: PgPool, options: PostgresOptions = {}) {
    this.#pool = poolOf(pool)
    this.target = targetOf(pool)
    this.#options = validOptions(options)
    this.#tables = new Tables(
      (path, signal) => withClient(pool, signal, (lease) => describeTable(lease, path, signal)),
      this.#options.prepare,
    )
  }

  plan(batch: BatchInput, { signal }: AttemptContext): PostgresOperation | Promise<PostgresOperation> {
    const shape = this.#tables.shapeOf(batch, signal)
    return shape instanceof Promise ? shape.then((known) => this.#encode(batch, known)) : this.#encode(batch, shape)
  }

  async run(operation: PostgresOperation, { signal }: AttemptContext): Promise<undefined> {
    const { statement, batch } = operation
    try {
      await withClient(this.#pool, signal, (lease) => send(lease, statement, signal))
    } catch (error) {
      const cause = error instanceof AttemptError ? error.cause : undefined
      if (signal.aborted || !isServerError(cause)) throw error
      if (await this.#learn(operation, cause.code, signal).catch(() => false))
        throw new AttemptError(cause, { stale: true })
      const rowIndex = operation.name === 'COPY' ? rowIndexOf(cause, batch) : undefined
      throw rowIndex === undefined ? error : new AttemptError(cause, { rowIndex })
    }
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  #encode(batch: BatchInput, shape: Shape): PostgresOperation {
    const statement = this.#copies(batch.table, shape)
      ? planCopy(batch, shape, this.#writers)
      : planInsert(batch, shape, this.#writers)
    return new PostgresOperation(batch, shape, statement)
  }

  #copies(table: Table, shape: Shape): boolean {
    const { appendMethod } = this.#options
    if (table.action !== 'error' || appendMethod === 'insert') return false
    return appendMethod === 'copy' || (shape.copyable && !this.#tables.refusesCopy(table))
  }

  /** Whether the error taught us something that makes the next plan a different one. */
  async #learn(operation: PostgresOperation, state: string, signal: AbortSignal): Promise<boolean> {
    const { table } = operation.batch
    if (NO_PREPARE.has(state) && operation.statement.preparations.some(({ name }) => name !== '')) {
      this.#tables.refuseNames(table)
      return true
    }
    if (NO_COPY.has(state) && operation.name === 'COPY' && this.#options.appendMethod === 'auto') {
      this.#tables.refuseCopy(table)
      return true
    }
    const suspect = MAYBE_ALTERED.test(state) || (operation.name === 'COPY' && MAYBE_MISREAD.test(state))
    return suspect && this.#tables.isAltered(table, operation.shape.version, signal)
  }
}

const isPool = implementing<PgPool>('a pg.Pool', 'connect')

function poolOf(given: PgPool): PgPool {
  const pool = isPool('postgresExecutor: pool', given)
  if (!('processID' in pool)) return pool
  throw new OptionError(
    'postgresExecutor: pool must be a pg.Pool, received a pg.Client: batches need connections of their own',
  )
}
