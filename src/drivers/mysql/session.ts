import { AttemptError } from '../../contract/driver.ts'
import { Cancellation } from '../kit/cancellation.ts'
import type { Lender } from '../kit/lease.ts'
import { withoutEffect } from '../kit/without-effect.ts'
import { cancelStatement } from './cancel.ts'
import type { MysqlConnection, ServerError } from './client.ts'
import { isRefusal, type Lease } from './connection.ts'
import { fenceOf, type Victim } from './fence.ts'
import { type Settings, strictMode } from './server.ts'

/** One statement, ready to be sent. */
export interface Statement {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly prepare: boolean
}

type OnRefusal = (index: number, error: ServerError) => Promise<void>

const QUERY_INTERRUPTED = 1317

/**
 * Carries out statements on a borrowed connection, all of them or none. An abort cancels on the server what is running and
 * then still waits, for a short time, because only the answer tells whether it was carried out.
 */
export class Transaction {
  readonly #lease: Lease
  readonly #settings: Settings
  readonly #signal: AbortSignal
  readonly #cancellation: Cancellation
  readonly #lender: Lender<MysqlConnection>
  /** This session, for those who may have to end it. */
  readonly #victim: Victim
  /** What is under way decides: if the connection breaks now, nobody knows the outcome. */
  #deciding = false
  #open = false

  constructor(lender: Lender<MysqlConnection>, lease: Lease, settings: Settings, signal: AbortSignal) {
    const { connection } = lease
    const victim = { threadId: connection.threadId, settings, began: performance.now() }
    this.#lender = lender
    this.#victim = victim
    this.#lease = lease
    this.#settings = settings
    this.#signal = signal
    this.#cancellation = new Cancellation(signal, () => cancelStatement(lender, connection, victim))
  }

  /**
   * @param refused told of the statement that the server refused, while the server can still be asked about it; it may
   * `execute` others, which are taken back
   * @throws {AttemptError} `ambiguous` when the connection broke, or the time ran out, with the deciding statement sent
   */
  async run(statements: readonly Statement[], refused: OnRefusal): Promise<void> {
    const mode = strictMode(this.#settings.sqlMode)
    try {
      if (mode !== undefined) await this.#setMode(mode)
      if (statements.length === 1 && this.#settings.autocommit) await this.#single(statements[0]!, refused)
      else await this.#several(statements, refused)
    } catch (error) {
      throw this.#failure(error)
    } finally {
      await this.#end(mode !== undefined)
    }
  }

  /** One more statement, in a transaction. */
  async execute(statement: Statement): Promise<void> {
    if (!this.#open) await this.#begin()
    await this.#send(statement)
  }

  async #single(statement: Statement, refused: OnRefusal): Promise<void> {
    this.#deciding = true
    await this.#send(statement).catch((error: unknown) => this.#tell(refused, 0, error))
  }

  async #several(statements: readonly Statement[], refused: OnRefusal): Promise<void> {
    await this.#begin()
    for (const [i, statement] of statements.entries()) {
      await this.#send(statement).catch((error: unknown) => this.#tell(refused, i, error))
    }
    this.#mayGoOn()
    this.#deciding = true
    await this.#cancellation.race(this.#lease.connection.query({ sql: 'COMMIT' }))
    this.#open = false
  }

  /** Whatever comes of that, the server's refusal is what counts. */
  async #tell(refused: OnRefusal, index: number, error: unknown): Promise<never> {
    if (isRefusal(error) && !this.#signal.aborted) {
      await this.#cancellation.race(refused(index, error)).catch((doubt: unknown) => this.#lease.doubt(doubt))
    }
    throw error
  }

  #send({ sql, values, prepare }: Statement): Promise<unknown> {
    this.#mayGoOn()
    const { connection } = this.#lease
    return this.#cancellation.race(prepare ? connection.execute(sql, values) : connection.query({ sql, values }))
  }

  async #begin(): Promise<void> {
    this.#mayGoOn()
    await this.#cancellation.race(this.#lease.connection.query({ sql: 'START TRANSACTION' }))
    this.#open = true
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
      if (this.#open) await connection.query({ sql: 'ROLLBACK' })
      if (changedMode) await this.#setMode(this.#settings.sqlMode)
    } catch (error) {
      this.#lease.doubt(error)
    }
  }
}
