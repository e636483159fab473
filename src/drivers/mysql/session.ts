import { AttemptError } from '../../contract/driver.ts'
import { Cancellation } from './cancel.ts'
import { isServerError, type MysqlPromisePool, type ServerError } from './client.ts'
import { endsConnection, type Lease, notSent } from './lease.ts'
import { type Session, strictMode } from './server.ts'

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
  readonly #session: Session
  readonly #signal: AbortSignal
  readonly #cancellation: Cancellation
  /** What is under way decides: if the connection breaks now, nobody knows the outcome. */
  #deciding = false
  #open = false

  constructor(pool: MysqlPromisePool, lease: Lease, session: Session, signal: AbortSignal) {
    this.#lease = lease
    this.#session = session
    this.#signal = signal
    this.#cancellation = new Cancellation(pool, lease.connection, signal)
  }

  /**
   * @param failed told of the statement that the server refused, while the server can still be asked about it; it may
   * `attempt` others, which are taken back
   * @throws {AttemptError} `ambiguous` when the connection broke, or the time ran out, with the deciding statement sent
   */
  async run(statements: readonly Statement[], failed: OnRefusal): Promise<void> {
    const mode = strictMode(this.#session.sqlMode)
    try {
      if (mode !== undefined) await this.#setMode(mode)
      if (statements.length === 1 && this.#session.autocommit) await this.#single(statements[0]!, failed)
      else await this.#several(statements, failed)
    } catch (error) {
      throw this.#failure(error)
    } finally {
      await this.#end(mode !== undefined)
    }
  }

  /** One more statement, in a transaction. */
  async attempt(statement: Statement): Promise<void> {
    if (!this.#open) await this.#begin()
    await this.#send(statement)
  }

  async #single(statement: Statement, failed: OnRefusal): Promise<void> {
    this.#deciding = true
    await this.#send(statement).catch((error: unknown) => this.#tell(failed, 0, error))
  }

  async #several(statements: readonly Statement[], failed: OnRefusal): Promise<void> {
    await this.#begin()
    for (const [i, statement] of statements.entries()) {
      await this.#send(statement).catch((error: unknown) => this.#tell(failed, i, error))
    }
    this.#mayGoOn()
    this.#deciding = true
    await this.#answered(this.#lease.connection.query({ sql: 'COMMIT' }))
    this.#open = false
  }

  /** Whatever comes of that, the server's refusal is what counts. */
  async #tell(failed: OnRefusal, index: number, error: unknown): Promise<never> {
    if (isServerError(error) && !endsConnection(error) && !this.#signal.aborted) {
      await this.#answered(failed(index, error)).catch(() => {
        this.#lease.doubt = true
      })
    }
    throw error
  }

  #send({ sql, values, prepare }: Statement): Promise<unknown> {
    this.#mayGoOn()
    const { connection } = this.#lease
    return this.#answered(prepare ? connection.execute(sql, values) : connection.query({ sql, values }))
  }

  async #begin(): Promise<void> {
    this.#mayGoOn()
    await this.#answered(this.#lease.connection.query({ sql: 'START TRANSACTION' }))
    this.#open = true
  }

  /** What is sent after an abort nobody would cancel. */
  #mayGoOn(): void {
    if (this.#signal.aborted) throw notSent(this.#signal.reason)
  }

  #answered<T>(answer: Promise<T>): Promise<T> {
    return Promise.race([answer, this.#cancellation.expired])
  }

  async #setMode(mode: string): Promise<void> {
    await this.#answered(this.#lease.connection.query({ sql: 'SET SESSION sql_mode = ?', values: [mode] }))
  }

  #failure(error: unknown): AttemptError {
    if (error instanceof AttemptError) return error
    if (isServerError(error) && !endsConnection(error)) {
      const isOurs = this.#signal.aborted && error.errno === QUERY_INTERRUPTED
      return notSent(isOurs ? this.#signal.reason : error)
    }
    this.#lease.doubt = true
    return new AttemptError(error, { ambiguous: this.#deciding })
  }

  /** Leaves the connection as it was, or in doubt. */
  async #end(changedMode: boolean): Promise<void> {
    const { connection } = this.#lease
    if (!(await this.#cancellation.end())) this.#lease.doubt = true
    if (this.#lease.doubt) return
    try {
      if (this.#open) await connection.query({ sql: 'ROLLBACK' })
      if (changedMode) await this.#setMode(this.#session.sqlMode)
    } catch {
      this.#lease.doubt = true
    }
  }
}
