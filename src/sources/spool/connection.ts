import { type Invoke, invokeOf, type SpoolDatabase, type SpoolStatement } from './client.ts'

/** A database whose statements are prepared once. Their texts are few and of our own making. */
export class Connection {
  readonly #database: SpoolDatabase
  readonly #invoke: Invoke
  readonly #prepared = new Map<string, SpoolStatement>()

  constructor(database: SpoolDatabase) {
    this.#database = database
    this.#invoke = invokeOf(database)
  }

  exec(sql: string): void {
    this.#database.exec(sql)
  }

  /** @returns how many rows it changed */
  run(sql: string, ...parameters: readonly unknown[]): number {
    const result = this.#invoke(this.#statement(sql), 'run', parameters)
    return Number((result as { readonly changes: number | bigint }).changes)
  }

  all<R>(sql: string, ...parameters: readonly unknown[]): R[] {
    return this.#invoke(this.#statement(sql), 'all', parameters) as R[]
  }

  /** The only value of a statement's only row. */
  value<V>(sql: string, ...parameters: readonly unknown[]): V | undefined {
    const [row] = this.all<Record<string, V>>(sql, ...parameters)
    return row === undefined ? undefined : Object.values(row)[0]
  }

  /** What `pragma` returns; never prepared ahead, as a pragma may act when it is prepared. */
  pragma<V>(pragma: string): V | undefined {
    const rows = this.#invoke(this.#database.prepare(`PRAGMA ${pragma}`), 'all', []) as Record<string, V>[]
    return rows[0] === undefined ? undefined : Object.values(rows[0])[0]
  }

  /** All that `act` does, or nothing. */
  transaction<T>(act: () => T): T {
    this.exec('BEGIN IMMEDIATE')
    try {
      const result = act()
      this.exec('COMMIT')
      return result
    } catch (error) {
      this.#rollBack()
      throw error
    }
  }

  /** Nothing of this connection refers to the database's schema any more. */
  forget(): void {
    this.#prepared.clear()
  }

  /** Errors that concern the whole database have ended the transaction already. */
  #rollBack(): void {
    try {
      this.exec('ROLLBACK')
    } catch {}
  }

  #statement(sql: string): SpoolStatement {
    const known = this.#prepared.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#prepared.set(sql, statement)
    return statement
  }
}
