import type { Driver, DriverClass } from '../../contract/driver.ts'
import { createExecutor, type Executor } from '../../executor/executor.ts'
import type { PgPool } from './client.ts'
import { PostgresDriver as Implementation } from './driver.ts'
import type { PostgresOptions } from './options.ts'

export type { PgClient, PgPool } from './client.ts'
export type { PostgresOptions } from './options.ts'

/**
 * Writes batches to PostgreSQL 11 and later over a pool the application owns: plain inserts with COPY, everything else with
 * one `INSERT … SELECT unnest(…), …`. For `createExecutor`; what it makes of a batch is for itself alone.
 */
export const PostgresDriver: DriverClass<PgPool, PostgresOptions> = Implementation
export type PostgresDriver = Driver

/**
 * An executor over a `pg.Pool` that stays the application's own: nothing here ends it. Where nobody listens to its `error`
 * event an empty listener is added: an idle connection that breaks would end the process.
 *
 * @throws {OptionError} naming the option and the value it received
 */
export function postgresExecutor(pool: PgPool, options: PostgresOptions = {}): Executor {
  return createExecutor(new Implementation(pool, options))
}
