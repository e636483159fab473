import { AttemptError } from '../../contract/driver.ts'
import { Cancellation } from '../kit/cancellation.ts'
import type { Lender } from '../kit/lease.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { cancelStatement } from './cancel.ts'
import type { Chunk } from './chunks.ts'
import type { MysqlConnection } from './client.ts'
import { isRefusal, type Lease } from './connection.ts'
import { execute } from './execute.ts'
import { fenceOf, type Victim } from './fence.ts'
import { forgetPrepared, keepPrepared } from './prepared.ts'
import { type Settings, strictMode } from './server.ts'

/** One statement, whose values the client escapes into its text. */
export interface Statement {
  readonly sql: string
  readonly values: readonly unknown[]
}

const QUERY_INTERRUPTED = 1317

/**
 * Carries out statements on a borrowed connection, all of them or none. An abort cancels on the server what is running and
 * then still waits, for a short time, because only the answer tells whether it was carried out.
 */
export class Transaction {
  readonly #lender: Lender<MysqlConnection>
  readonly #lease: Lease
  readonly #settings: Settings
  readonly #signal: AbortSignal
  readonly #cancellation: Cancellation
  /** This session, for those who may have to end it. */
  readonly #victim: Victim
  /** What is under way decides: if the connection breaks now, nobody knows the outcome. */
  #deciding = false
  #open = false

  constructor(lender: Lender<MysqlConnection>, lease: Lease, settings: Settings, signal: AbortSignal) {
    const { connection } = lease
    const victim = { threadId: connection.threadId, settings, began: performance.now() }
    this.#lender = lender
    this.#lease = lease
    this.#settings = settings
    this.#signal = signal
    this.#victim = victim
    this.#cancellation = new Cancellation(signal, () => cancelStatement(lender, connection, victim))
  }

  /** A statement is committed by itself. */
  get isAutomatic(): boolean {
    return this.#settings.autocommit && !this.#open
  }

  /**
   * Lets `work` use the transaction, and takes back what it did not commit.
   *
   * @throws {AttemptError} `ambiguous` when the connection broke, or the time ran out, with the deciding statement sent
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const mode = strictMode(this.#settings.sqlMode)
    try {
      if (mode !== undefined) await this.#setMode(mode)
      return await work()
    } catch (error) {
      throw this.#failure(error)
    } finally {
      await this.#end(mode !== undefined)
    }
  }

  /** From here on nothing is committed before `commit`. */
  async begin(): Promise<void> {
    if (this.#open) return
    this.#deciding = false
    await this.ask({ sql: 'START TRANSACTION' })
    this.#open = true
  }

  /** Returns what the client makes of the answer. */
  send(statement: Statement): Promise<unknown> {
    return this.#write(({ connection }) => connection.query(statement))
  }

  /** The same for one that is prepared. */
  execute(sql: string, chunk: Chunk): Promise<unknown> {
    return this.#write(({ connection }) => {
      keepPrepared(connection, sql)
      return execute(connection, sql, chunk)
    })
  }

  async #write(begin: (lease: Lease) => Promise<readonly [unknown, unknown]>): Promise<unknown> {
    this.#mayGoOn()
    this.#deciding = this.isAutomatic
    return (await this.#cancellation.race(begin(this.#lease)))[0]
  }

  /** The statement is not needed any more. */
  forget(sql: string): void {
    forgetPrepared(this.#lease.connection, sql)
  }

  async commit(): Promise<void> {
    this.#mayGoOn()
    this.#deciding = true
    await this.#cancellation.race(this.#lease.connection.query({ sql: 'COMMIT' }))
    this.#open = false
  }

  /** A statement that writes nothing; returns the rows it answers with. */
  async ask(query: { readonly sql: string; readonly values?: unknown }): Promise<readonly (readonly unknown[])[]> {
    this.#mayGoOn()
    this.#deciding = false
    const [rows] = await this.#cancellation.race(this.#lease.connection.query({ ...query, rowsAsArray: true }))
    return rows as unknown[][]
  }

  /** What is sent after an abort nobody would cancel. */
  #mayGoOn(): void {
    if (this.#signal.aborted) throw withoutEffect(this.#signal.reason)
  }

  async #setMode(mode: string): Promise<void> {
    const { connection } = this.#lease
    await this.#cancellation.race(connection.query({ sql: 'SET SESSION sql_mode = ?', values: [mode] }))
  }

  #failure(error: unknown): AttemptError {
    if (error instanceof AttemptError) return error
    this.#lease.doubtAfter(error)
    if (!isRefusal(error)) {
      const fence = this.#deciding ? fenceOf(this.#lender, this.#victim) : undefined
      return new AttemptError(error, { ambiguous: this.#deciding, fence })
    }
    const isOurs = this.#signal.aborted && error.errno === QUERY_INTERRUPTED
    return withoutEffect(isOurs ? this.#signal.reason : error)
  }

  /** Leaves the connection as it was, or in doubt. */
  async #end(changedMode: boolean): Promise<void> {
    const { connection } = this.#lease
    if (!(await this.#cancellation.end())) this.#lease.doubt(this.#signal.reason)
    if (this.#lease.inDoubt) return
    try {
      if (this.#open || !this.#settings.autocommit) await connection.query({ sql: 'ROLLBACK' })
      if (changedMode) await this.#setMode(this.#settings.sqlMode)
    } catch (error) {
      this.#lease.doubt(error)
    }
  }
}
