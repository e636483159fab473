import type { MysqlConnection, MysqlPromisePool } from './client.ts'

/** How long a cancelled statement may take to end before its connection is given up, in milliseconds. */
const CANCEL_GRACE = 1000

/**
 * Waits for an abort; then has the server end what the connection is running, over another connection of the pool, and
 * allows the answer a little time. In a pool that has no connection to spare for that long, the statement is left behind.
 */
export class Cancellation {
  /** Rejects when that time is over. */
  readonly expired: Promise<never>
  readonly #pool: MysqlPromisePool
  readonly #connection: MysqlConnection
  readonly #signal: AbortSignal
  #expire: (reason: unknown) => void = () => undefined
  #delivered: Promise<boolean> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(pool: MysqlPromisePool, connection: MysqlConnection, signal: AbortSignal) {
    this.expired = new Promise((_, reject) => {
      this.#expire = reject
    })
    this.expired.catch(() => undefined) // it may expire when nobody races it any more
    this.#pool = pool
    this.#connection = connection
    this.#signal = signal
    signal.addEventListener('abort', this.#start, { once: true })
  }

  /** Whether the connection is fit for another statement: no kill is still on its way to it. */
  async end(): Promise<boolean> {
    this.#signal.removeEventListener('abort', this.#start)
    if (this.#delivered === undefined) return true
    const late = this.expired.catch(() => false)
    const fit = (await Promise.race([this.#delivered, late])) && (await Promise.race([this.#absorb(), late]))
    clearTimeout(this.#timer)
    return fit
  }

  readonly #start = (): void => {
    this.#delivered = this.#kill().catch(() => false)
    this.#timer = setTimeout(() => this.#expire(this.#signal.reason), CANCEL_GRACE)
  }

  async #kill(): Promise<boolean> {
    const other = await this.#pool.getConnection()
    try {
      await other.query({ sql: `KILL QUERY ${Number(this.#connection.threadId)}` })
      return true
    } finally {
      other.release()
    }
  }

  /** A kill that comes when nothing runs any more may hit the next statement, on some servers: let it be one of ours. */
  async #absorb(): Promise<boolean> {
    await this.#connection.query({ sql: 'DO 0' }).catch(() => undefined)
    return this.#connection.query({ sql: 'DO 0' }).then(
      () => true,
      () => false,
    )
  }
}
