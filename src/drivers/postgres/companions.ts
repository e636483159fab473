import type { Companion, Companions } from '../../contract/companion.ts'
import { AttemptError } from '../../contract/driver.ts'
import { CompanionError, FencedError } from '../../contract/errors.ts'
import { alreadyTaken, type CompanionTables, notMade, notTaken, sweepAll } from '../kit/companions.ts'
import { answerTo, type Lender, withLease } from '../kit/lease.ts'
import { isServerError, type PgClient, type PgQuery, type ServerError } from './client.ts'
import { CompanionSql, type CompanionTable } from './companion-sql.ts'
import type { Lease } from './connection.ts'
import { nameOf } from './form.ts'
import type { Preparation } from './messages.ts'
import { type Prelude, preludeOf } from './prelude.ts'

const NO_SUCH_TABLE = '42P01'
const UNIQUE_VIOLATION = '23505'
const BAD_CAST = '22P02'
/** Another process made the table at the same moment: `IF NOT EXISTS` looks before it leaps. */
const MADE_BY_ANOTHER = new Set([UNIQUE_VIOLATION, '42P07', '42710'])
/** No right to make tables, or no schema to make one in. */
const MAY_NOT_MAKE = new Set(['42501', '3F000'])

/** Commits a companion by itself. */
type Commit = (prelude: Prelude, signal: AbortSignal) => Promise<void>

/** Positions and tokens in tables of the database that is written to. */
export class PostgresCompanions implements Companions {
  readonly #lender: Lender<PgClient>
  readonly #sql: CompanionSql
  readonly #named: () => boolean
  readonly #statements = new Map<string, Preparation>()
  readonly #commit: Commit

  /** @param named whether statements may be prepared under a name */
  constructor(lender: Lender<PgClient>, tables: CompanionTables, named: () => boolean, commit: Commit) {
    this.#lender = lender
    this.#sql = new CompanionSql(tables)
    this.#named = named
    this.#commit = commit
  }

  /** What is known already is only read: that waits for nobody, also where a move is under way. */
  claim(scopes: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const wanted = [...new Set(scopes)].sort() // one order for all, against deadlocks
    return this.#on(this.#sql.positions, signal, async (lease) => {
      const read = async () => {
        const rows = await ask(lease, { text: this.#sql.read, values: [wanted] }, signal)
        return new Map(rows.map(({ scope, position }) => [String(scope), String(position)]))
      }
      const known = await read()
      const missing = wanted.filter((scope) => !known.has(scope))
      if (missing.length === 0) return known
      await ask(lease, { text: this.#sql.know, values: [missing] }, signal)
      return read()
    })
  }

  async commit(companion: Companion, signal: AbortSignal): Promise<void> {
    try {
      await this.#commit(this.prelude(companion), signal)
    } catch (error) {
      throw error instanceof AttemptError && error.cause instanceof FencedError ? error.cause : error
    }
  }

  async prepare(signal: AbortSignal): Promise<void> {
    await this.#on(this.#sql.tokens, signal, (lease) => ask(lease, { text: this.#sql.lookAt, values: [] }, signal))
  }

  async committed(token: string, signal: AbortSignal): Promise<boolean> {
    const question = { text: this.#sql.find, values: [token] }
    const rows = await this.#on(this.#sql.tokens, signal, (lease) => ask(lease, question, signal))
    return rows.length > 0
  }

  sweep(age: number, signal: AbortSignal): Promise<number> {
    const query = { text: this.#sql.sweep, values: [age / 1000] }
    const deleteSome = async () => {
      const [row] = await withLease(this.#lender, signal, (lease) => ask(lease, query, signal))
      return Number(row?.['count'])
    }
    return sweepAll(deleteSome, signal)
  }

  /** @param opening in a transaction that stays open */
  prelude(companion: Companion, opening = false): Prelude {
    const { text, values } = this.#sql.of(companion)
    const begin = opening ? [{ statement: this.#prepared('BEGIN'), values: [] }] : []
    const steps = [...begin, { statement: this.#prepared(text), values }]
    return preludeOf(steps, (refusal) => this.#failure(companion, refusal))
  }

  /** Makes the table of tokens again, where a batch failed as somebody has dropped it. */
  async restore(error: unknown, signal: AbortSignal): Promise<void> {
    const cause = causeOf(error)
    if (cause instanceof CompanionError && isMissing(cause.cause)) await this.prepare(signal)
  }

  #prepared(text: string): Preparation {
    if (!this.#named()) return { name: '', text }
    let statement = this.#statements.get(text)
    if (statement === undefined) this.#statements.set(text, (statement = { name: nameOf(text), text }))
    return statement
  }

  #failure(companion: Companion, refusal: ServerError): AttemptError {
    const { code } = refusal
    if (companion.kind === 'move') {
      if (code === BAD_CAST) return new AttemptError(new FencedError(companion.scope, { cause: refusal }), {})
      return new AttemptError(this.#refused(this.#sql.positions, refusal), { fault: 'place' })
    }
    if (code === UNIQUE_VIOLATION) return alreadyTaken(refusal)
    return new AttemptError(this.#refused(this.#sql.tokens, refusal), { fault: 'place', stale: isMissing(refusal) })
  }

  #refused({ name, rights }: CompanionTable, refusal: ServerError) {
    return notTaken(name, rights, refusal)
  }

  /** Does what concerns `table`, which is made if it turns out to be missing. */
  async #on<T>(table: CompanionTable, signal: AbortSignal, act: (lease: Lease) => Promise<T>): Promise<T> {
    return withLease(this.#lender, signal, async (lease) => {
      try {
        return await act(lease)
      } catch (error) {
        if (isDenied(error)) throw this.#translated(table, error)
        if (!isMissing(error)) throw error
      }
      await make(table, lease, signal)
      return act(lease)
    })
  }

  #translated(table: CompanionTable, error: unknown): AttemptError {
    const cause = causeOf(error) as ServerError
    return new AttemptError(this.#refused(table, cause), { fault: 'place' })
  }
}

async function make({ name, ddl }: CompanionTable, lease: Lease, signal: AbortSignal): Promise<void> {
  try {
    await ask(lease, { text: ddl, values: [] }, signal)
  } catch (error) {
    const cause = causeOf(error)
    if (!isServerError(cause)) throw error
    if (MADE_BY_ANOTHER.has(cause.code)) return
    if (MAY_NOT_MAKE.has(cause.code)) throw new AttemptError(notMade(name, ddl, cause), { fault: 'place' })
    throw error
  }
}

async function ask(lease: Lease, query: PgQuery, signal: AbortSignal): Promise<Record<string, unknown>[]> {
  return (await answerTo(lease, lease.connection.query(query), signal)).rows
}

function isMissing(error: unknown): boolean {
  const cause = causeOf(error)
  return isServerError(cause) && cause.code === NO_SUCH_TABLE
}

function isDenied(error: unknown): boolean {
  const cause = causeOf(error)
  return isServerError(cause) && cause.code === '42501'
}

function causeOf(error: unknown): unknown {
  return error instanceof AttemptError ? error.cause : error
}
