import type { Driver, DriverClass } from '../../contract/driver.ts'
import { createExecutor, type Executor } from '../../executor/executor.ts'
import type { SqliteDatabase } from './client.ts'
import { SqliteDriver as Implementation } from './driver.ts'
import type { SqliteOptions } from './options.ts'

export type { SqliteDatabase, SqliteStatement } from './client.ts'
export type { SqliteOptions } from './options.ts'

/**
 * Writes batches to SQLite 3.24 and later over a synchronous `Database` the application owns. For `createExecutor`; what it
 * makes of a batch is for itself alone.
 */
export const SqliteDriver: DriverClass<SqliteDatabase, SqliteOptions> = Implementation
export type SqliteDriver = Driver

/**
 * An executor over a synchronous SQLite `Database` (`better-sqlite3`, `libsql`, `node:sqlite`) that stays the
 * application's own: nothing here closes it.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function sqliteExecutor(database: SqliteDatabase, options: SqliteOptions = {}): Executor {
  return createExecutor(new Implementation(database, options))
}
