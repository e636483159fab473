import {
  type AttemptContext,
  AttemptError,
  type BatchInput,
  type Driver,
  type DriverTarget,
  type RowFailure,
} from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import type { Table } from '../../contract/table.ts'
import { answerTo, type Lender, withLease } from '../kit/lease.ts'
import { type Sieved, withoutUnencodable } from '../kit/sieve.ts'
import { classify } from './classify.ts'
import { isServerError, type PgClient, type PgPool, type ServerError, validPool } from './client.ts'
import { lenderOf } from './connection.ts'
import { fillCopy, planCopy } from './copy.ts'
import { describeTable } from './describe.ts'
import { fenceOf, type Victim } from './fence.ts'
import type { Form } from './form.ts'
import { fillInsert, planInsert, planSalvage } from './insert.ts'
import { PostgresOperation } from './operation.ts'
import { type PostgresOptions, validOptions } from './options.ts'
import type { Payload } from './payload.ts'
import { rowIndexOf } from './row-index.ts'
import { isInVain, isRowAtFault, mayPass, salvagedOf } from './salvage.ts'
import { type Answer, send } from './session.ts'
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

/**
 * Writes batches to PostgreSQL 11 and later over a pool the application owns: plain inserts with COPY, everything else
 * with one `INSERT … SELECT … FROM unnest(…)`. Each batch is one transaction: all of its rows are committed, or none.
 */
export class PostgresDriver implements Driver<PostgresOperation> {
  readonly name = 'postgres'
  readonly target: DriverTarget
  readonly #lender: Lender<PgClient>
  readonly #options: Required<PostgresOptions>
  readonly #tables: Tables
  readonly #writers = new WriterPool()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(pool: PgPool, options: PostgresOptions = {}) {
    this.#lender = lenderOf(validPool(pool))
    this.target = targetOf(pool)
    this.#options = validOptions(options)
    this.#tables = new Tables(
      (path, signal) => withLease(this.#lender, signal, (lease) => describeTable(lease, path, signal)),
      this.#options.prepare,
    )
  }

  plan(batch: BatchInput, { signal, isolate = false }: AttemptContext): PostgresOperation | Promise<PostgresOperation> {
    const encode = (form: Form) => (isolate ? this.#encodeGood(batch, form) : this.#encode(batch, form))
    const form = this.#tables.formOf(batch, signal)
    return form instanceof Promise ? form.then(encode) : encode(form)
  }

  async run(operation: PostgresOperation, context: AttemptContext): Promise<readonly RowFailure[]> {
    const { payload, batch } = operation
    const { signal, isolate, superseded } = context
    if (batch.rows.length === 0) return operation.failures()
    try {
      const { written } = await this.#send(payload, signal)
      if (written !== undefined) superseded?.(batch.rows.length - written)
      return operation.failures()
    } catch (error) {
      const refusal = await this.#understood(operation, error, signal)
      const salvaged = isolate === true ? await this.#salvage(operation, refusal, signal) : undefined
      if (salvaged !== undefined) {
        const { failures, written } = salvaged
        if (isInVain(failures, batch.rows.length)) throw new AttemptError(refusal, { fault: 'place' })
        superseded?.(batch.rows.length - failures.length - written)
        return operation.failures(failures)
      }
      const rowIndex = operation.name === 'COPY' ? rowIndexOf(refusal, batch) : undefined
      throw rowIndex === undefined ? error : new AttemptError(refusal, { rowIndex: operation.placeOf(rowIndex) })
    }
  }

  /** `INSERT … FROM unnest` of empty arrays, for appends too: it needs what COPY needs. */
  async probe({ table, columns }: Pick<BatchInput, 'table' | 'columns'>, { signal }: AttemptContext): Promise<void> {
    const batch = { table, columns, rows: [] }
    const payload = planInsert(batch, await this.#tables.formOf(batch, signal), this.#writers)
    try {
      await this.#send(payload, signal)
    } finally {
      payload.drop()
    }
  }

  async ping({ signal }: AttemptContext): Promise<void> {
    await withLease(this.#lender, signal, (lease) =>
      answerTo(lease, lease.connection.query({ text: 'SELECT 1', values: [] }), signal),
    )
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  #send(payload: Payload, signal: AbortSignal): Promise<Answer> {
    const fence = (victim: Victim) => fenceOf(this.#lender, victim)
    return withLease(this.#lender, signal, (lease) => send(lease, payload, signal, fence))
  }

  /**
   * The server's refusal of an operation.
   *
   * @throws {AttemptError} whatever else the failure was; `stale` where the next plan will be a different one
   */
  async #understood(operation: PostgresOperation, error: unknown, signal: AbortSignal): Promise<ServerError> {
    const cause = error instanceof AttemptError ? error.cause : undefined
    if (signal.aborted || !isServerError(cause)) throw error
    if (await this.#learn(operation, cause.code, signal).catch(() => false)) {
      throw new AttemptError(cause, { stale: true })
    }
    return cause
  }

  /**
   * Writes the rows of a refused batch that the table takes, in one transaction, and returns the others. `undefined` where the
   * server cannot, or knows the row at fault only at the COMMIT: then nothing is written.
   */
  async #salvage(operation: PostgresOperation, refusal: ServerError, signal: AbortSignal) {
    const { batch, form, name } = operation
    if (batch.rows.length === 1 || (name === 'COPY' && !form.copyable)) return undefined
    if (!(isRowAtFault(refusal) ?? (await this.#takesRows(batch, signal)))) return undefined
    for (const payload of planSalvage(batch, form, this.#writers)) {
      try {
        return salvagedOf((await this.#send(payload, signal)).value, refusal)
      } catch (error) {
        if (mayPass(await this.#understood(operation, error, signal))) throw error
      } finally {
        payload.drop()
      }
    }
    return undefined
  }

  /** Whether an attempt of no row succeeds. */
  #takesRows(batch: BatchInput, signal: AbortSignal): Promise<boolean> {
    return this.probe(batch, { signal }).then(
      () => true,
      (error) => (signal.aborted ? Promise.reject(error) : false),
    )
  }

  #encodeGood(batch: BatchInput, form: Form): PostgresOperation {
    const encode = (good: BatchInput, sieved?: Sieved) => this.#encode(good, form, sieved)
    const fill = this.#copies(batch.table, form) ? fillCopy : fillInsert
    return withoutUnencodable(batch, encode, (single) => this.#writers.lend((writer) => fill(single, form, writer)))
  }

  #encode(batch: BatchInput, form: Form, sieved?: Sieved): PostgresOperation {
    const payload = this.#copies(batch.table, form)
      ? planCopy(batch, form, this.#writers)
      : planInsert(batch, form, this.#writers)
    return new PostgresOperation(batch, form, payload, sieved)
  }

  #copies(table: Table, form: Form): boolean {
    const { appendMethod } = this.#options
    if (table.action !== 'error' || appendMethod === 'insert') return false
    return appendMethod === 'copy' || (form.copyable && !this.#tables.refusesCopy(table))
  }

  /** Whether the error taught us something that makes the next plan a different one. */
  async #learn(operation: PostgresOperation, state: string, signal: AbortSignal): Promise<boolean> {
    const { table } = operation.batch
    if (NO_PREPARE.has(state) && operation.payload.preparations.some(({ name }) => name !== '')) {
      this.#tables.refuseNames(table)
      return true
    }
    if (NO_COPY.has(state) && operation.name === 'COPY' && this.#options.appendMethod === 'auto') {
      this.#tables.refuseCopy(table)
      await this.#tables.isAltered(table, operation.form.version, signal) // what refuses COPY may be new
      return true
    }
    const isSuspect = MAYBE_ALTERED.test(state) || MAYBE_MISREAD.test(state)
    return isSuspect && this.#tables.isAltered(table, operation.form.version, signal)
  }
}
