import type { Table } from '../../contract/table.ts'
import type { SqliteDatabase, SqliteStatement } from './client.ts'
import { insertSql } from './sql.ts'

/** The statement of one table and list of columns; prepared when it is first run. */
export class Form {
  readonly sql: string
  #statement: SqliteStatement | undefined

  constructor(table: Table, columns: readonly string[]) {
    this.sql = insertSql(table, columns)
  }

  /** @throws what SQLite says about it */
  prepared(database: SqliteDatabase): SqliteStatement {
    this.#statement ??= database.prepare(this.sql)
    return this.#statement
  }
}
