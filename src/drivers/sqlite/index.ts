import { createExecutor, type Executor } from '../../executor/executor.ts'
import type { SqliteDatabase } from './client.ts'
import { SqliteDriver } from './driver.ts'
import type { SqliteOptions } from './options.ts'

export type { SqliteDatabase, SqliteStatement } from './client.ts'
export { SqliteDriver } from './driver.ts'
export type { SqliteOperation } from './operation.ts'
export type { SqliteOptions } from './options.ts'

/**
 * An executor over a synchronous SQLite `Database` (`better-sqlite3`, `libsql`, `node:sqlite`) that stays the
 * application's own: nothing here closes it.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function sqliteExecutor(database: SqliteDatabase, options: SqliteOptions = {}): Executor {
  return createExecutor(new SqliteDriver(database, options))
}
