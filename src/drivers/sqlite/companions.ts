import type { Companion, Companions } from '../../contract/companion.ts'
import { AttemptError } from '../../contract/driver.ts'
import { FencedError } from '../../contract/errors.ts'
import { alreadyTaken, type CompanionTables, notTaken, sweepAll } from '../kit/companions.ts'
import { classify } from './classify.ts'
import { CompanionSql } from './companion-sql.ts'
import type { Session } from './session.ts'
import { ourTurn } from './turn.ts'

/** Positions and tokens in tables of the database that is written to. */
export class SqliteCompanions implements Companions {
  readonly #session: Session
  readonly #sql: CompanionSql

  constructor(session: Session, tables: CompanionTables) {
    this.#session = session
    this.#sql = new CompanionSql(tables)
  }

  async claim(scopes: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    await ourTurn(signal)
    const positions = new Map<string, string>()
    this.#session.within(() => {
      this.#session.change(this.#sql.positions.ddl)
      for (const scope of scopes) {
        this.#session.change(this.#sql.know, [scope])
        const [row] = this.#session.read(this.#sql.read, [scope])
        positions.set(scope, String(Reflect.get(row!, 'position')))
      }
    })
    return positions
  }

  async commit(companion: Companion, signal: AbortSignal): Promise<void> {
    await ourTurn(signal)
    try {
      this.#session.within(() => this.accompany(companion))
    } catch (error) {
      throw error instanceof AttemptError && error.cause instanceof FencedError ? error.cause : error
    }
  }

  async prepare(signal: AbortSignal): Promise<void> {
    await ourTurn(signal)
    this.#session.within(() => this.#session.change(this.#sql.tokens.ddl))
  }

  async committed(token: string, signal: AbortSignal): Promise<boolean> {
    await ourTurn(signal)
    let isThere = false
    this.#session.within(() => {
      this.#session.change(this.#sql.tokens.ddl)
      isThere = this.#session.read(this.#sql.find, [token]).length > 0
    })
    return isThere
  }

  sweep(age: number, signal: AbortSignal): Promise<number> {
    const deleteSome = async () => {
      await ourTurn(signal)
      let deleted = 0
      this.#session.within(() => (deleted = this.#session.change(this.#sql.sweep, [Math.floor(age / 1000)])))
      return deleted
    }
    return sweepAll(deleteSome, signal)
  }

  /** In the transaction of a batch. @throws {AttemptError} when it does not hold */
  accompany(companion: Companion): void {
    if (companion.kind === 'token') {
      this.#try(this.#sql.tokens.name, () => this.#session.change(this.#sql.token, [companion.token]))
      return
    }
    const { scope, expected, value } = companion
    const move = () => this.#session.change(this.#sql.move, [value, scope, expected])
    if (this.#try(this.#sql.positions.name, move) !== 1) throw new AttemptError(new FencedError(scope), {})
  }

  #try<T>(table: string, act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (classify(error)?.reason === 'duplicate_key') throw alreadyTaken(error)
      throw new AttemptError(notTaken(table, 'to be as this process has made it', error), { fault: 'place' })
    }
  }
}
