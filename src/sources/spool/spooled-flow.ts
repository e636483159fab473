import type { Worker } from '../../consume/worker.ts'
import type { WorkerStats } from '../../consume/worker-stats.ts'
import type { Change } from '../../contract/deletion.ts'
import { isTable, type Row, type Table } from '../../contract/table.ts'
import { unlessAborted } from '../../support/abort.ts'
import { OptionError } from '../../support/batchflow-error.ts'
import { show } from '../../support/validate.ts'
import type { Receipts } from './receipts.ts'
import type { Spool, SpoolStats } from './spool.ts'
import { SpoolError } from './spool-error.ts'
import { abortedWait, type SpoolPublisher, type SpoolSubmitOptions, signalOf } from './spool-publisher.ts'

/** What became of the rows this process wrote, and what is left for the next one. */
export interface SpooledCloseSummary {
  readonly committed: number
  /** Rows that were put aside. */
  readonly failed: number
  /** Messages that are stored and not written. They are written after the next start. */
  readonly left: number
}

export interface SpooledFlowStats {
  readonly spool: SpoolStats
  readonly worker: WorkerStats
}

/** A spool and the worker that empties it, as one. Made by {@link openSpool}. */
export class SpooledFlow implements AsyncDisposable {
  /** For its dead letters. */
  readonly spool: Spool
  readonly #publisher: SpoolPublisher
  readonly #worker: Worker
  readonly #receipts: Receipts
  readonly #tables: ReadonlyMap<string, string>
  #closing: Promise<SpooledCloseSummary> | undefined

  /** @internal Use `openSpool`. */
  constructor(
    spool: Spool,
    publisher: SpoolPublisher,
    worker: Worker,
    receipts: Receipts,
    tables: readonly Pick<Table, 'name' | 'id'>[],
  ) {
    this.spool = spool
    this.#publisher = publisher
    this.#worker = worker
    this.#receipts = receipts
    this.#tables = new Map(tables.map(({ name, id }) => [name, id]))
  }

  /**
   * Resolves when the row is in the file, on the disk where `fsync` says so. It will be written, by this process or by one
   * after it.
   *
   * @throws as `submit` of a {@link SpoolPublisher}, and {@link OptionError} for a table that is not among `tables`
   */
  submit<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SpoolSubmitOptions): Promise<void> {
    try {
      return this.#publisher.submit(this.#known('submit', table) as Table<R>, row, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Resolves when all rows are in the file. @throws as `submit` */
  async submitMany<R extends Row>(
    table: Table<R>,
    rows: Iterable<Change<NoInfer<R>>> | AsyncIterable<Change<NoInfer<R>>>,
    options?: SpoolSubmitOptions,
  ): Promise<void> {
    await this.#publisher.submitMany(this.#known('submitMany', table) as Table<R>, rows, options)
  }

  /**
   * Resolves when the row is committed in the database. It is stored before that: should the wait end early, because `signal`
   * is aborted or the flow is closed, the row is written nevertheless. It has a message of its own in the file, and costs more
   * than with `submit`.
   *
   * @throws {RowFailedError} when the database refused it; it is among the dead letters
   * @throws {SpoolError} `deferred` when the flow was closed first; and as `submit`
   */
  async write<R extends Row>(table: Table<R>, row: Change<NoInfer<R>>, options?: SpoolSubmitOptions): Promise<void> {
    const signal = signalOf('write', options)
    const { group, message } = this.#publisher.place(this.#known('write', table), row)
    const committed = this.#receipts.expect(message)
    group.stored.catch((error) => this.#receipts.refuse(message, error))
    if (signal === undefined) return committed
    try {
      await unlessAborted(committed, signal)
    } catch (error) {
      throw abortedWait(error, signal)
    }
  }

  stats(): SpooledFlowStats {
    return Object.freeze({ spool: this.spool.stats(), worker: this.#worker.stats() })
  }

  /**
   * Accepts no more rows, stores those handed over, finishes what is on its way to the database, and gives the file back. Rows
   * that are stored and not written stay in the file, so that there is nothing to wait for when the database is away.
   *
   * @param options `timeout`: how long, in ms, what is on its way may take. @default 30000
   */
  close(options?: { readonly timeout?: number }): Promise<SpooledCloseSummary> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(options?: { readonly timeout?: number }): Promise<SpooledCloseSummary> {
    await this.#publisher.close()
    const { committed, failed } = await this.#worker.close(options)
    await this.spool.close()
    const { messages } = this.spool.stats()
    const advice = 'it is stored, and written after the next start'
    this.#receipts.end(new SpoolError('deferred', `spool: it was closed before the database had the row: ${advice}`))
    return { committed, failed, left: messages }
  }

  /** What is stored must be written some day: the worker knows a table by its name alone. */
  #known(method: string, table: Table<never>): Table<Row> {
    const { name, id } = isTable(`${method}: table`, table)
    if (this.#tables.get(name) === id) return table as Table<Row>
    throw new OptionError(`${method}: table ${show(name)} is not among the tables of openSpool, as it is defined there`)
  }
}
