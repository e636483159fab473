import type { Companion, Companions } from '../../contract/companion.ts'
import { AttemptError } from '../../contract/driver.ts'
import { CompanionError, FencedError } from '../../contract/errors.ts'
import { alreadyTaken, type CompanionTables, notMade, notTaken, sweepAll } from '../kit/companions.ts'
import { type Lender, withLease } from '../kit/lease.ts'
import { isServerError, type MysqlConnection } from './client.ts'
import { CompanionSql, type CompanionTable } from './companion-sql.ts'
import { isRefusal } from './connection.ts'
import { settingsOf } from './server.ts'
import { Transaction } from './session.ts'

const NO_SUCH_TABLE = 1146
const DUPLICATE = 1062
const DENIED: ReadonlySet<number> = new Set([1044, 1142, 1143, 1227])

/** Positions and tokens in tables of the database that is written to. */
export class MysqlCompanions implements Companions {
  readonly #lender: Lender<MysqlConnection>
  readonly #sql: CompanionSql

  constructor(lender: Lender<MysqlConnection>, tables: CompanionTables) {
    this.#lender = lender
    this.#sql = new CompanionSql(tables)
  }

  /** What is known already is only read: that waits for nobody, also where a move is under way. */
  async claim(scopes: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const wanted = [...new Set(scopes)].sort() // one order for all, against deadlocks
    if (wanted.length === 0) return new Map()
    const known = await this.#read(wanted, signal)
    const missing = wanted.filter((scope) => !known.has(scope))
    if (missing.length === 0) return known
    const sql = this.#sql.know(missing.length)
    await this.#on(this.#sql.positions, signal, (transaction) => change(transaction, sql, missing.map(bytes)))
    return this.#read(wanted, signal)
  }

  async commit(companion: Companion, signal: AbortSignal): Promise<void> {
    try {
      await this.#within(signal, async (transaction) => {
        await this.accompany(transaction, companion)
        await transaction.commit()
      })
    } catch (error) {
      throw error instanceof AttemptError && error.cause instanceof FencedError ? error.cause : error
    }
  }

  async prepare(signal: AbortSignal): Promise<void> {
    await this.#on(this.#sql.tokens, signal, (transaction) => transaction.ask({ sql: this.#sql.lookAt }))
  }

  async committed(token: string, signal: AbortSignal): Promise<boolean> {
    const question = { sql: this.#sql.find, values: [bytes(token)] }
    const rows = await this.#on(this.#sql.tokens, signal, (transaction) => transaction.ask(question))
    return rows.length > 0
  }

  sweep(age: number, signal: AbortSignal): Promise<number> {
    const values = [Math.floor(age / 1000)]
    const deleteSome = () => this.#within(signal, (transaction) => change(transaction, this.#sql.sweep, values))
    return sweepAll(deleteSome, signal)
  }

  /** Opens the transaction of a batch with what is committed with it. @throws {AttemptError} when it does not hold */
  async accompany(transaction: Transaction, companion: Companion): Promise<void> {
    await transaction.begin()
    const { kind } = companion
    const statement =
      kind === 'token'
        ? { sql: this.#sql.token, values: [companion.token] }
        : { sql: this.#sql.move, values: [companion.value, companion.scope, companion.expected] }
    const values = statement.values.map(bytes)
    const answer = await transaction
      .send({ sql: statement.sql, values })
      .catch((error: unknown) => Promise.reject(this.#failure(kind, error)))
    if (kind === 'move' && affected(answer) !== 1) throw new AttemptError(new FencedError(companion.scope), {})
  }

  /** Makes the table of tokens again, where a batch failed as somebody has dropped it. */
  async restore(error: unknown, signal: AbortSignal): Promise<void> {
    const cause = causeOf(error)
    if (cause instanceof CompanionError && isError(cause.cause, NO_SUCH_TABLE)) await this.prepare(signal)
  }

  #failure(kind: Companion['kind'], error: unknown): unknown {
    if (!isRefusal(error)) return error
    if (kind === 'token' && error.errno === DUPLICATE) return alreadyTaken(error)
    const { name, rights } = kind === 'token' ? this.#sql.tokens : this.#sql.positions
    const stale = kind === 'token' && error.errno === NO_SUCH_TABLE
    return new AttemptError(notTaken(name, rights, error), { fault: 'place', stale })
  }

  async #read(scopes: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
    const question = { sql: this.#sql.read(scopes.length), values: scopes.map(bytes) }
    const rows = await this.#on(this.#sql.positions, signal, (transaction) => transaction.ask(question))
    return new Map(rows.map(([scope, position]) => [text(scope), text(position)]))
  }

  /** Does what concerns `table`, which is made if it turns out to be missing. */
  async #on<T>(table: CompanionTable, signal: AbortSignal, act: (transaction: Transaction) => Promise<T>): Promise<T> {
    try {
      return await this.#within(signal, act)
    } catch (error) {
      const cause = causeOf(error)
      if (isServerError(cause) && DENIED.has(cause.errno)) {
        throw new AttemptError(notTaken(table.name, table.rights, cause), { fault: 'place' })
      }
      if (!isError(cause, NO_SUCH_TABLE)) throw error
    }
    await this.#make(table, signal)
    return this.#within(signal, act)
  }

  async #make({ name, ddl }: CompanionTable, signal: AbortSignal): Promise<void> {
    try {
      await this.#within(signal, (transaction) => transaction.ask({ sql: ddl }))
    } catch (error) {
      const cause = causeOf(error)
      if (!isServerError(cause) || !DENIED.has(cause.errno)) throw error
      throw new AttemptError(notMade(name, ddl, cause), { fault: 'place' })
    }
  }

  /** Its statements see what was committed when they began. */
  #within<T>(signal: AbortSignal, act: (transaction: Transaction) => Promise<T>): Promise<T> {
    return withLease(this.#lender, signal, async (lease) => {
      const settings = await settingsOf(lease, signal)
      const transaction = new Transaction(this.#lender, lease, settings, signal)
      return transaction.run(() => act(transaction))
    })
  }
}

/** A change of our own tables, committed; returns how many rows it met. */
async function change(transaction: Transaction, sql: string, values: readonly unknown[]): Promise<number> {
  await transaction.begin()
  const answer = await transaction.send({ sql, values })
  await transaction.commit()
  return affected(answer)
}

function affected(answer: unknown): number {
  return typeof answer === 'object' && answer !== null ? Number(Reflect.get(answer, 'affectedRows')) : 0
}

function bytes(value: string): Buffer {
  return Buffer.from(value)
}

function text(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : String(value)
}

function isError(error: unknown, errno: number): boolean {
  return isServerError(error) && error.errno === errno
}

function causeOf(error: unknown): unknown {
  return error instanceof AttemptError ? error.cause : error
}
