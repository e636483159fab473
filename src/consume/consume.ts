import type { Executor } from '../executor/executor.ts'
import { BatchFlow } from '../flow/batch-flow.ts'
import { type ConsumeOptions, workerSettings } from './options.ts'
import type { Source } from './source.ts'
import { Worker } from './worker.ts'

/**
 * Writes the rows of a log into a database: reads `source`, hands the rows to a flow over `executor`, and counts as read only
 * what is committed. Any number of workers may share a log, each with some of its partitions.
 *
 * ```ts
 * const worker = await consume(redisStreams(redis, { stream: 'rows', group: 'writers' }), postgresExecutor(pool), {
 *   tables: [users, orders],
 *   position: 'database',
 * })
 * ```
 *
 * - `acks: 'broker'`: at least once, into any database. Messages are acknowledged after commit, in order and in bulk; after a
 *   crash those not acknowledged come again.
 * - `position: 'database'`: exactly once, into PostgreSQL, MySQL and SQLite. How far each partition was read is committed in the
 *   very transaction of its rows, per table; a worker that lost its partition unknowingly writes nothing.
 *
 * A message that cannot be read, and one with a row that fails alone, is put aside by the source (`deadLetter`) and counts as
 * read. What is the place's fault (a table or a right is missing, the database is away) is not: the partition waits and tries
 * again, and `onTrouble` is told.
 *
 * Resolves when the log was reached. @throws {OptionError} naming the option, the value received and what is allowed
 */
export async function consume(source: Source, executor: Executor, options: ConsumeOptions): Promise<Worker> {
  const settings = workerSettings(source, executor, options)
  const companions = settings.mode === 'database' ? executor.driver.companions : undefined
  const worker = new Worker(source, new BatchFlow(executor, settings.flow), companions, settings)
  await worker.start()
  return worker
}
