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
import type { TableFacts } from '../../contract/table-facts.ts'
import { withRefused } from '../kit/companions.ts'
import { answerTo, type Lender, withLease } from '../kit/lease.ts'
import { type Sieved, withoutUnencodable } from '../kit/sieve.ts'
import { classify } from './classify.ts'
import { isServerError, type PgClient, type PgPool, type ServerError, validPool } from './client.ts'
import { PostgresCompanions } from './companions.ts'
import { lenderOf } from './connection.ts'
import { fillCopy, planCopy } from './copy.ts'
import { describeTable } from './describe.ts'
import { fenceOf, type Victim } from './fence.ts'
import type { Form } from './form.ts'
import { fillInsert, planInsert, planSalvage } from './insert.ts'
import { inspectTable } from './inspect.ts'
import { PostgresOperation } from './operation.ts'
import { type PostgresOptions, validOptions } from './options.ts'
import type { Payload } from './payload.ts'
import type { Prelude } from './prelude.ts'
import { rowIndexOf } from './row-index.ts'
import { isInVain, isRowAtFault, mayPass, type Salvaged, salvagedOf } from './salvage.ts'
import { type Answer, COMMIT, NOTHING, rollBack, type Sendable, send, uncommitted } from './session.ts'
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
 * with one `INSERT … SELECT unnest(…), …`, deletions with one `DELETE … USING unnest(…)`. Each batch is one transaction: all of its rows are committed, or none.
 */
export class PostgresDriver implements Driver<PostgresOperation> {
  readonly name = 'postgres'
  readonly deletes = true
  readonly target: DriverTarget
  readonly connections: number | undefined
  readonly companions: PostgresCompanions
  readonly #lender: Lender<PgClient>
  readonly #options: ReturnType<typeof validOptions>
  readonly #tables: Tables
  readonly #writers = new WriterPool()
  readonly #fence = (victim: Victim) => fenceOf(this.#lender, victim)

  /** @throws {OptionError} naming the option and the value it received */
  constructor(pool: PgPool, options: PostgresOptions = {}) {
    this.#lender = lenderOf(validPool(pool))
    this.target = targetOf(pool)
    this.connections = pool.options?.max
    this.#options = validOptions(options)
    this.#tables = new Tables(
      (path, signal) => withLease(this.#lender, signal, (lease) => describeTable(lease, path, signal)),
      this.#options.prepare,
    )
    this.companions = new PostgresCompanions(
      this.#lender,
      this.#options.companions,
      () => this.#tables.named,
      async (prelude, signal) => void (await this.#send(NOTHING, { signal }, prelude)),
    )
  }

  plan(batch: BatchInput, attempt: AttemptContext): PostgresOperation | Promise<PostgresOperation> {
    const { signal, isolate = false, companion } = attempt
    const isAlone = companion === undefined
    const encode = (form: Form) =>
      isolate ? this.#encodeGood(batch, form, isAlone) : this.#encode(batch, form, isAlone)
    const form = this.#tables.formOf(batch, signal)
    return form instanceof Promise ? form.then(encode) : encode(form)
  }

  async run(operation: PostgresOperation, context: AttemptContext): Promise<readonly RowFailure[]> {
    const { batch } = operation
    if (batch.rows.length === 0) return operation.failures()
    try {
      return await this.#write(operation, context)
    } catch (error) {
      if (context.companion?.kind === 'token') await this.companions.restore(error, context.signal)
      throw error
    }
  }

  /** `INSERT … SELECT unnest` of empty arrays, for appends too: it needs what COPY needs. */
  async probe(
    { table, columns, deletions }: Omit<BatchInput, 'rows'>,
    { signal }: Pick<AttemptContext, 'signal'>,
  ): Promise<void> {
    const batch = { table, columns, deletions, rows: [] }
    const payload = planInsert(batch, await this.#tables.formOf(batch, signal), this.#writers)
    try {
      await this.#send(payload, { signal })
    } finally {
      payload.drop()
    }
  }

  async ping({ signal }: AttemptContext): Promise<void> {
    await withLease(this.#lender, signal, (lease) =>
      answerTo(lease, lease.connection.query({ text: 'SELECT 1', values: [] }), signal),
    )
  }

  inspect(table: Table, { signal }: AttemptContext): Promise<TableFacts | undefined> {
    return withLease(this.#lender, signal, (lease) => inspectTable(lease, table, signal))
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  async #write(operation: PostgresOperation, context: AttemptContext): Promise<readonly RowFailure[]> {
    const { payload, batch } = operation
    const { signal, isolate, companion, superseded } = context
    try {
      const { written } = await this.#send(payload, context, companion && this.companions.prelude(companion))
      if (written !== undefined) superseded?.(batch.rows.length - written)
      return operation.failures()
    } catch (thrown) {
      const error = withRefused(thrown, () => operation.failures())
      const refusal = await this.#understood(operation, error, signal)
      const salvaged = isolate === true ? await this.#salvage(operation, refusal, context) : undefined
      if (salvaged !== undefined) {
        superseded?.(batch.rows.length - salvaged.failures.length - salvaged.written)
        return operation.failures(salvaged.failures)
      }
      const rowIndex = operation.name === 'COPY' ? rowIndexOf(refusal, batch) : undefined
      throw rowIndex === undefined ? error : new AttemptError(refusal, { rowIndex: operation.placeOf(rowIndex) })
    }
  }

  #send(payload: Sendable, { signal }: AttemptContext, prelude?: Prelude): Promise<Answer> {
    return withLease(this.#lender, signal, (lease) => send(lease, payload, { signal, fence: this.#fence, prelude }))
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
  async #salvage(operation: PostgresOperation, refusal: ServerError, context: AttemptContext) {
    const { batch, form, name } = operation
    const { signal } = context
    if (batch.rows.length === 1 || (name === 'COPY' && !form.copyable)) return undefined
    if (!(isRowAtFault(refusal) ?? (await this.#takesRows(batch, signal)))) return undefined
    const salvagedIn = ({ value }: Answer) => {
      const salvaged = salvagedOf(value, refusal)
      if (isInVain(salvaged.failures, batch.rows.length)) throw new AttemptError(refusal, { fault: 'place' })
      return salvaged
    }
    for (const payload of planSalvage(batch, form, this.#writers)) {
      try {
        return await this.#sendSalvage(operation, payload, context, salvagedIn)
      } catch (error) {
        if (error instanceof AttemptError && error.fault !== undefined) throw error
        if (mayPass(await this.#understood(operation, error, signal))) throw error
      } finally {
        payload.drop()
      }
    }
    return undefined
  }

  /**
   * With a token the COMMIT goes by itself, once it is known which rows are left out: should its answer be lost, the token
   * alone would not tell.
   */
  async #sendSalvage(
    operation: PostgresOperation,
    payload: Payload,
    context: AttemptContext,
    salvagedIn: (answer: Answer) => Salvaged,
  ): Promise<Salvaged> {
    const { signal, companion } = context
    if (companion === undefined) return salvagedIn(await this.#send(payload, context))
    return withLease(this.#lender, signal, async (lease) => {
      const manner = { signal, fence: this.#fence }
      try {
        const prelude = this.companions.prelude(companion, true)
        const salvaged = salvagedIn(await send(lease, payload, { ...manner, prelude }).catch(uncommitted))
        await send(lease, COMMIT, manner).catch((error: unknown) => {
          throw withRefused(error, () => operation.failures(salvaged.failures))
        })
        return salvaged
      } catch (error) {
        await rollBack(lease, signal)
        throw error
      }
    })
  }

  /** Whether an attempt of no row succeeds. */
  #takesRows(batch: BatchInput, signal: AbortSignal): Promise<boolean> {
    return this.probe(batch, { signal }).then(
      () => true,
      (error) => (signal.aborted ? Promise.reject(error) : false),
    )
  }

  #encodeGood(batch: BatchInput, form: Form, isAlone: boolean): PostgresOperation {
    const encode = (good: BatchInput, sieved?: Sieved) => this.#encode(good, form, isAlone, sieved)
    const fill = this.#copies(batch.table, form, isAlone) ? fillCopy : fillInsert
    return withoutUnencodable(batch, encode, (single) => this.#writers.lend((writer) => fill(single, form, writer)))
  }

  #encode(batch: BatchInput, form: Form, isAlone: boolean, sieved?: Sieved): PostgresOperation {
    const payload = this.#copies(batch.table, form, isAlone)
      ? planCopy(batch, form, this.#writers)
      : planInsert(batch, form, this.#writers)
    return new PostgresOperation(batch, form, payload, sieved)
  }

  /** @param isAlone nothing goes ahead of it: a COPY that is not prepared would have no room for that */
  #copies(table: Table, form: Form, isAlone: boolean): boolean {
    const { appendMethod } = this.#options
    if (!isAlone && !this.#tables.named) return false
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
