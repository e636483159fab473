/**
 * A process with a load that keeps books, for `LedgerProcess` to start. It says when the load stands still and when it is
 * done, goes on when it is told to, and serves its metrics until it is told to end, or is killed.
 */
import { once } from 'node:events'
import { trace } from '@opentelemetry/api'
import { type Identity, startProviders, startTracing } from '../providers.ts'
import type { Otlp } from '../routes.ts'
import { type Books, emptyBooks, TEST_NAME } from './books.ts'
import { faultOf, tampered } from './faults.ts'
import { LOG_NAME, LogKeeper } from './log.ts'
import { crowd, manyTables, refusals, requests, standStill, troubles } from './phases.ts'
import { openStores, sqliteStore, type Where } from './stores.ts'
import { Writer } from './writer.ts'

export interface Task {
  readonly identity: Identity
  readonly otlp: Otlp
  readonly where: Where
  /** Rounds of requests. */
  readonly rounds: number
  /** Tables beside the usual two. */
  readonly tables: readonly string[]
  /** Whether it stands still for a while. */
  readonly still: boolean
  readonly fault?: string | undefined
}

/** What the process says. */
export interface Told {
  readonly state: 'still' | 'done'
  readonly books: Books
}

const task = JSON.parse(process.argv[2] ?? '') as Task

async function main({ identity, otlp, fault }: Task): Promise<void> {
  const tracing = startTracing(identity, otlp)
  const { views, tamper } = fault === undefined ? {} : faultOf(fault)
  const providers = await startProviders(identity, otlp, TEST_NAME, views)
  const books = emptyBooks()
  const stores = task.tables.length > 0 ? [await sqliteStore(task.tables)] : await openStores(task.where, schema())
  const reporter = tamper === undefined ? providers.reporter : tampered(providers.reporter, tamper)
  const writers = stores.map((store) => new Writer(store, books, reporter))
  const { redis } = task.where
  const log =
    task.still && redis !== undefined
      ? await LogKeeper.work(redis, `${schema()}_parcels`, providers.named(LOG_NAME))
      : undefined
  books.log = log?.book
  await Promise.all(writers.map((writer) => work(writer)))
  if (task.still) await still(writers, books, log)
  await Promise.all(writers.map((writer) => writer.finish()))
  await tracing.forceFlush()
  await tell({ state: 'done', books })
  await log?.close()
  await providers.stop()
  await tracing.shutdown()
}

async function work(writer: Writer): Promise<void> {
  const tracer = trace.getTracer('ledger')
  if (task.tables.length > 0) return manyTables(writer, task.tables)
  await requests(writer, tracer, task.rounds)
  await troubles(writer, tracer)
  await crowd(writer, 20 * task.rounds)
  await refusals(writer)
}

async function still(writers: readonly Writer[], books: Books, log: LogKeeper | undefined): Promise<void> {
  const releases = await Promise.all([
    ...writers.map((writer) => standStill(writer)),
    ...(log ? [log.fallBehind()] : []),
  ])
  await tell({ state: 'still', books })
  books.held = []
  await Promise.all(releases.map((release) => release()))
}

/** Says so, and waits for an answer. */
async function tell(told: Told): Promise<void> {
  process.send?.(told)
  await once(process, 'message')
}

function schema(): string {
  return `batchflow_ledger_${process.pid}`
}

await main(task)
process.disconnect()
