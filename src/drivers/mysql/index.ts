import type { Driver, DriverClass } from '../../contract/driver.ts'
import { createExecutor, type Executor } from '../../executor/executor.ts'
import type { MysqlPool } from './client.ts'
import { MysqlDriver as Implementation } from './driver.ts'
import type { MysqlOptions } from './options.ts'

export type { MysqlCallbackPool, MysqlConnection, MysqlPool, MysqlPromisePool } from './client.ts'
export type { MysqlOptions } from './options.ts'

/**
 * Writes batches to MySQL 5.7 and MariaDB 10.3 and later, over a pool the application owns, with multi-row INSERTs. For
 * `createExecutor`; what it makes of a batch is for itself alone.
 */
export const MysqlDriver: DriverClass<MysqlPool, MysqlOptions> = Implementation
export type MysqlDriver = Driver

/**
 * An executor over a pool of `mysql2` or `mysql2/promise` that stays the application's own: nothing here ends it.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function mysqlExecutor(pool: MysqlPool, options: MysqlOptions = {}): Executor {
  return createExecutor(new Implementation(pool, options))
}
