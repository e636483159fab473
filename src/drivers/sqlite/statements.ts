import { Recent } from '../kit/recent.ts'
import type { SqliteDatabase, SqliteStatement } from './client.ts'

/** Kept prepared per database; rows with ever other columns would else fill the memory. */
const MOST = 100

/** The prepared statements of one database. */
export class Statements {
  readonly #database: SqliteDatabase
  readonly #prepared = new Recent<string, SqliteStatement>(MOST)

  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  /** @throws what SQLite says about it */
  get(sql: string): SqliteStatement {
    const known = this.#prepared.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#prepared.set(sql, statement)
    return statement
  }
}
