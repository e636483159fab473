import { createExecutor, type Executor } from '../../executor/executor.ts'
import type { MysqlPool } from './client.ts'
import { MysqlDriver } from './driver.ts'
import type { MysqlOptions } from './options.ts'

export type { MysqlCallbackPool, MysqlConnection, MysqlPool, MysqlPromisePool } from './client.ts'
export { MysqlDriver } from './driver.ts'
export type { MysqlOperation } from './operation.ts'
export type { MysqlOptions } from './options.ts'

/**
 * An executor over a pool of `mysql2` or `mysql2/promise` that stays the application's own: nothing here ends it.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function mysqlExecutor(pool: MysqlPool, options: MysqlOptions = {}): Executor {
  return createExecutor(new MysqlDriver(pool, options))
}
