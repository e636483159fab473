import { createExecutor, type Executor } from '../../executor/executor.ts'
import type { PgPool } from './client.ts'
import { PostgresDriver } from './driver.ts'
import type { PostgresOptions } from './options.ts'

export type { PgClient, PgPool } from './client.ts'
export { PostgresDriver } from './driver.ts'
export type { PostgresOperation } from './operation.ts'
export type { PostgresOptions } from './options.ts'

/**
 * An executor over a `pg.Pool` that stays the application's own: nothing here ends it. Where nobody listens to its `error`
 * event an empty listener is added: an idle connection that breaks would end the process.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function postgresExecutor(pool: PgPool, options: PostgresOptions = {}): Executor {
  return createExecutor(new PostgresDriver(pool, options))
}
