import {
  type AttemptContext,
  AttemptError,
  type BatchInput,
  type Driver,
  type DriverTarget,
  type RowFailure,
} from '../../contract/driver.ts'
import type { Classification } from '../../contract/reasons.ts'
import { inColumns, type Table } from '../../contract/table.ts'
import type { TableFacts } from '../../contract/table-facts.ts'
import { withRefused } from '../kit/companions.ts'
import { Forms } from '../kit/forms.ts'
import { answerTo, type Lender, withLease } from '../kit/lease.ts'
import { failuresOf, type Sieved, withoutUnencodable } from '../kit/sieve.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { chunksOf, type Limits } from './chunks.ts'
import { classify } from './classify.ts'
import { isServerError, type MysqlConnection, type MysqlPool, validPool } from './client.ts'
import { MysqlCompanions } from './companions.ts'
import { type Comparand, comparable, comparandsOf } from './comparands.ts'
import { type Lease, lenderOf } from './connection.ts'
import { type Dates, datesIn } from './dates.ts'
import { Form } from './form.ts'
import { inspectTable } from './inspect.ts'
import { areIndexed, MissingIndexError } from './keys.ts'
import { MysqlOperation } from './operation.ts'
import { type MysqlOptions, validOptions } from './options.ts'
import { type Settings, settingsOf } from './server.ts'
import { Transaction } from './session.ts'
import { connectionsOf, targetOf, timezoneOf } from './target.ts'
import { Writer } from './writer.ts'

type Comparands = ReadonlyMap<string, Comparand> | undefined

const MOST_PARAMETERS = 65_535
/** The server keeps as many prepared statements as it is willing to, of all its clients together. */
const TOO_MANY_PREPARED = 1461

/**
 * Writes batches to MySQL 5.7 and MariaDB 10.3 and later, over a pool the application owns, with multi-row INSERTs and DELETEs. Each
 * batch is one transaction: all of its rows are committed, or none.
 */
export class MysqlDriver implements Driver<MysqlOperation> {
  readonly name = 'mysql'
  readonly deletes = true
  readonly target: DriverTarget
  readonly connections: number | undefined
  readonly companions: MysqlCompanions
  readonly #lender: Lender<MysqlConnection>
  readonly #dates: Dates
  #prepare: boolean
  /** As the first connection found them; all lead to the same server. */
  #settings: Settings | undefined
  /** Tables whose conflict keys have an index, with how their columns are compared where rows are deleted. */
  readonly #known = new WeakMap<Table, Comparands>()
  readonly #forms = new Forms<Form>()

  /** @throws {OptionError} naming the option and the value it received */
  constructor(pool: MysqlPool, options: MysqlOptions = {}) {
    const { prepare, companions } = validOptions(options)
    this.#prepare = prepare
    const valid = validPool(pool)
    this.#lender = lenderOf(valid)
    this.companions = new MysqlCompanions(this.#lender, companions)
    this.#dates = datesIn(timezoneOf(valid))
    this.target = targetOf(valid)
    this.connections = connectionsOf(valid)
  }

  plan(batch: BatchInput, { signal, isolate = false }: AttemptContext): MysqlOperation | Promise<MysqlOperation> {
    const isNew = batch.table.keys.length > 0 && !this.#known.has(batch.table)
    if (this.#settings !== undefined && !isNew) return this.#encode(batch, this.#settings, isolate)
    return this.#getToKnow(batch.table, isNew, signal).then((settings) => this.#encode(batch, settings, isolate))
  }

  async run(operation: MysqlOperation, context: AttemptContext): Promise<readonly RowFailure[]> {
    const { signal, companion } = context
    try {
      return await withLease(this.#lender, signal, (lease) => this.#write(operation, context, lease))
    } catch (error) {
      if (companion?.kind === 'token') await this.companions.restore(error, signal)
      throw error
    }
  }

  async #write(operation: MysqlOperation, context: AttemptContext, lease: Lease): Promise<readonly RowFailure[]> {
    const { signal, isolate = false, companion, superseded } = context
    const settings = await settingsOf(lease, signal)
    const prepare = this.#prepare
    const transaction = new Transaction(this.#lender, lease, settings, signal)
    const writer = new Writer(transaction, operation, {
      prepare,
      isolate,
      blocks: prepare && isolate && settings.blocks && superseded === undefined, // a block does not tell
      counts: superseded !== undefined,
    })
    const all = (refused: readonly RowFailure[]) =>
      operation.sieved === undefined ? refused : failuresOf(operation.sieved, refused)
    try {
      const write = async () => {
        if (companion !== undefined) await this.companions.accompany(transaction, companion)
        return writer.write()
      }
      const refused = await transaction.run(write)
      superseded?.(writer.unchanged)
      return all(refused)
    } catch (error) {
      const cause = error instanceof AttemptError ? error.cause : error
      if (!prepare || !isServerError(cause) || cause.errno !== TOO_MANY_PREPARED) {
        throw withRefused(error, () => all(writer.failures))
      }
      this.#prepare = false
      throw new AttemptError(cause, { stale: true })
    }
  }

  async probe(batch: Omit<BatchInput, 'rows'>, { signal }: AttemptContext): Promise<void> {
    const settings = await this.#getToKnow(batch.table, batch.table.keys.length > 0, signal)
    const { probe } = this.#form(batch, settings)
    await withLease(this.#lender, signal, async (lease) => {
      const transaction = new Transaction(this.#lender, lease, settings, signal)
      await transaction.run(() => transaction.ask({ sql: probe }))
    })
  }

  async ping({ signal }: AttemptContext): Promise<void> {
    await withLease(this.#lender, signal, (lease) => answerTo(lease, lease.connection.query({ sql: 'DO 1' }), signal))
  }

  inspect(table: Table, { signal }: AttemptContext): Promise<TableFacts | undefined> {
    return withLease(this.#lender, signal, (lease) => inspectTable(lease, table, signal))
  }

  classify(error: unknown): Classification | undefined {
    return classify(error)
  }

  async #getToKnow(table: Table, isNew: boolean, signal: AbortSignal): Promise<Settings> {
    const stored = inColumns(table)
    const [settings, areFit, comparands] = await withLease(this.#lender, signal, async (lease) => {
      const found = await settingsOf(lease, signal)
      const areFit = !isNew || (await areIndexed(lease, stored, signal))
      return [found, areFit, table.deletes && isNew ? await comparandsOf(lease, stored, signal) : undefined] as const
    })
    this.#settings = settings
    if (!areFit) throw withoutEffect(new MissingIndexError(stored))
    if (isNew) this.#known.set(table, comparands)
    return settings
  }

  #encode(batch: BatchInput, settings: Settings, isolate: boolean): MysqlOperation {
    const { packet, dialect } = settings
    const form = this.#form(batch, settings)
    // values that are escaped into the text, which only happens unprepared, can take twice their room
    const limits: Limits = {
      packet: this.#prepare ? packet : packet / 2,
      parameters: MOST_PARAMETERS,
      dates: this.#dates,
      asTexts: dialect === 'alias',
    }
    const { comparands, sizes } = form
    const chunks = (rows: BatchInput, split: typeof sizes.split) =>
      chunksOf(comparands === undefined ? rows : comparable(rows, comparands), limits, split)
    const encode = (rows: BatchInput, sieved?: Sieved) => new MysqlOperation(form, chunks(rows, sizes.split), sieved)
    return isolate ? withoutUnencodable(batch, encode, (single) => chunks(single, () => [])) : encode(batch)
  }

  #form(batch: Omit<BatchInput, 'rows'>, { dialect }: Settings): Form {
    const known = this.#forms.get(batch)
    if (known !== undefined) return known
    return this.#forms.set(batch, new Form(batch, { dialect, comparands: this.#known.get(batch.table) }))
  }
}
