import { setTimeout as sleep } from 'node:timers/promises'
import { consume } from '../../consume/consume.ts'
import type { ConsumeOptions } from '../../consume/options.ts'
import type { Executor } from '../../executor/executor.ts'
import { MAX_DELAY } from '../../support/clock.ts'
import { integer } from '../../support/validate.ts'
import type { SpoolDatabase } from './client.ts'
import type { SpoolOptions } from './options.ts'
import { Receipts } from './receipts.ts'
import { type Spool, spool } from './spool.ts'
import { SpoolError } from './spool-error.ts'
import { type SpoolPublisherOptions, spoolPublisher } from './spool-publisher.ts'
import { SpooledFlow } from './spooled-flow.ts'

export type OpenSpoolOptions = SpoolOptions &
  SpoolPublisherOptions &
  ConsumeOptions & {
    /** How long is waited for another process to give the file back, in ms: a deployment starts the new one early. @default 10000 */
    readonly lockTimeout?: number
  }

/** Those of the spool itself; the worker checks all others, and refuses what it does not know. */
const SPOOL: { readonly [K in keyof Required<SpoolOptions>]: K } = {
  partitions: 'partitions',
  fsync: 'fsync',
  maxFileBytes: 'maxFileBytes',
  overflow: 'overflow',
  tracerProvider: 'tracerProvider',
}

/** How often is looked whether the file is free, in ms. */
const LOOK_EVERY = 100

/**
 * Opens a spool, and a worker that writes its rows to the database: one thing with `submit`, `write` and `close`.
 *
 * ```ts
 * const flow = await openSpool(new Database('spool.db'), postgresExecutor(pool), { tables: [users], position: 'database' })
 * await flow.submit(users, row) // it is in the file
 * await flow.write(users, row) // the database has it
 * ```
 *
 * Does not wait for the database: rows are accepted while it is away.
 *
 * @throws {OptionError} naming the option and the value it received
 * @throws {SpoolError} when another process keeps it open, it is damaged, or another application's
 */
export async function openSpool(
  database: SpoolDatabase,
  executor: Executor,
  options: OpenSpoolOptions,
): Promise<SpooledFlow> {
  const { lockTimeout, partitionBy, ...rest } = options
  const patience = integer(0, MAX_DELAY)('openSpool: lockTimeout', lockTimeout ?? 10_000)
  const isOfSpool = ([name]: readonly [string, unknown]) => name in SPOOL
  const given = Object.entries(rest)
  const log = await opened(database, Object.fromEntries(given.filter(isOfSpool)), patience)
  try {
    const publisher = spoolPublisher(log, { partitionBy })
    const receipts = new Receipts(log.partitions)
    log.listen(receipts)
    log.committer.listen(receipts)
    const forWorker = Object.fromEntries(given.filter((entry) => !isOfSpool(entry))) as unknown as ConsumeOptions
    const worker = await consume(log, executor, heard(forWorker, receipts))
    return new SpooledFlow(log, publisher, worker, receipts, forWorker.tables)
  } catch (error) {
    await log.close()
    throw error
  }
}

/** Who waits for a row hears of it, too, where letters go elsewhere. */
function heard(options: ConsumeOptions, receipts: Receipts): ConsumeOptions {
  const { deadLetter } = options
  if (typeof deadLetter !== 'function') return options
  return {
    ...options,
    deadLetter: async (partition, message, why, options) => {
      await deadLetter(partition, message, why, options)
      receipts.putAside(Number(partition), Number(message.position), why)
    },
  }
}

async function opened(database: SpoolDatabase, options: SpoolOptions, patience: number): Promise<Spool> {
  const end = performance.now() + patience
  for (;;) {
    try {
      return spool(database, options)
    } catch (error) {
      if (!(error instanceof SpoolError) || error.reason !== 'locked' || performance.now() >= end) throw error
    }
    await sleep(LOOK_EVERY)
  }
}
