/** A worker over a durable log: what the load put into the log, and what each route says became of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { MetricsReporter } from 'batchflow-otel'
import { METRICS, type MetricSpec, prometheusName } from '../../../src/telemetry/metrics/catalogue.ts'
import { SOURCE_METRICS } from '../../../src/telemetry/metrics/source-catalogue.ts'
import { PARTITIONS, ParcelLog } from '../log.ts'
import type { Identity } from '../providers.ts'
import { ROUTES, type Routes } from '../routes.ts'
import { type Entry, range, seriesOf } from './audit.ts'
import { TEST_NAME } from './books.ts'

/** The `test_name` of the worker's flow, whose rows the other books know nothing of. */
export const LOG_NAME = 'ledger_log'

const KEYS = 40
const VERSIONS = 5
const SPOILED = 3
const BEHIND = 30
const PATIENCE_MS = 30_000
/** What every route may be behind when it is asked. */
const LAG_S = 4

export interface LogBook {
  /** Messages that hold a row each, and those of them that are settled. */
  published: number
  settled: number
  /** Messages that nobody can read. */
  spoiled: number
  /** Rows that were older than what was there. */
  readonly older: number
  readonly keys: number
  stored: number
  /** When the oldest message was published that is not settled, in seconds since 1970. */
  since: number | undefined
}

/** Keeps the book of a log while it lasts. */
export class LogKeeper {
  readonly book: LogBook
  readonly #log: ParcelLog

  private constructor(log: ParcelLog, book: LogBook) {
    this.#log = log
    this.book = book
  }

  /** Publishes each key's versions and, once they are written, as many older ones; ends when all is settled. */
  static async work(url: string, name: string, reporter: MetricsReporter): Promise<LogKeeper> {
    const log = await ParcelLog.open(url, name, reporter)
    const all = KEYS * VERSIONS
    const book = { published: 0, settled: 0, spoiled: 0, older: all, keys: KEYS, stored: 0, since: undefined }
    const keeper = new LogKeeper(log, book)
    const rows = (at: number) => Array.from({ length: KEYS }, (_, id) => ({ id, place: `stop ${at}`, version: at }))
    for (let version = 1; version <= VERSIONS; version++) await log.publish(rows(version))
    book.published = book.settled = all
    await keeper.#written() // an older row that waits together with the next newer one is merged into it, and not counted
    for (let i = 0; i < VERSIONS; i++) await log.publish(rows(0))
    for (let i = 0; i < SPOILED; i++) await log.spoil()
    book.published = book.settled = 2 * all
    book.spoiled = SPOILED
    await keeper.#written()
    return keeper
  }

  /** Publishes what the database does not take until what is returned is called. */
  async fallBehind(): Promise<() => Promise<void>> {
    const open = this.#log.hold()
    this.book.since = Date.now() / 1000
    await this.#log.publish(Array.from({ length: BEHIND }, (_, id) => ({ id, place: 'late', version: VERSIONS + 1 })))
    this.book.published += BEHIND
    return async () => {
      open()
      this.book.settled = this.book.published
      this.book.since = undefined
      await this.#written()
      await this.#log.leaveNothing()
    }
  }

  async close(): Promise<void> {
    await this.#log.close()
  }

  async #written(): Promise<void> {
    const { book } = this
    const settled = () => {
      const { messages } = this.#log.worker.stats().source
      return messages.committed + messages.dead_lettered
    }
    for (const end = Date.now() + PATIENCE_MS; settled() < book.settled + book.spoiled; await sleep(20)) {
      if (Date.now() > end)
        throw new Error(`the worker settled ${settled()} messages of ${book.settled + book.spoiled}`)
    }
    book.stored = this.#log.count()
  }
}

interface Question {
  readonly spec: MetricSpec
  readonly labels?: string
  readonly by?: 'sum' | 'max'
  readonly low: number
  readonly high?: number
}

export async function auditLog(routes: Routes, who: Identity, book: LogBook, time: number): Promise<Entry[]> {
  const questions = await Promise.all(
    questionsOf(book, time).map(async ({ spec, labels, by = 'sum', low, high = low }): Promise<Entry> => {
      const name = prometheusName(spec)
      const question = `${by}(${name}${labels === undefined ? '' : `{${labels}}`}) of the worker`
      const values: Record<string, number> = {}
      for (const route of ROUTES) {
        const selector = seriesOf(who, route)
          .replace('batchflow_.+', name)
          .replace(`test_name="${TEST_NAME}"`, `test_name="${LOG_NAME}"`)
          .replace('}', labels === undefined ? '}' : `, ${labels}}`)
        const [sample] = await routes.api[route].query(`${by}(${selector})`, time)
        values[route] = sample?.value ?? 0
      }
      const wrong = ROUTES.filter((route) => values[route]! < low || values[route]! > high)
      const problems = wrong.map(
        (route) => `${question}: ${route} has ${values[route]}, the ledger ${range(low, high)}`,
      )
      return { question, ledger: range(low, high), values, problems }
    }),
  )
  const stored = { question: 'rows in parcels (sqlite)', ledger: String(book.keys), values: { database: book.stored } }
  const problems = book.stored === book.keys ? [] : [`${stored.question}: ${book.stored}, the ledger ${book.keys}`]
  return [...questions, { ...stored, problems }]
}

function questionsOf(book: LogBook, time: number): Question[] {
  const { published, settled, spoiled, older, since } = book
  const { sourceMessages, sourceRedelivered, sourceLag, sourceLagSeconds, sourcePartitions } = SOURCE_METRICS
  const age = since === undefined ? 0 : time - since
  return [
    { spec: sourceMessages, labels: 'outcome="committed"', low: settled },
    { spec: sourceMessages, labels: 'outcome="dead_lettered"', low: spoiled },
    { spec: sourceMessages, labels: 'outcome="dropped"', low: 0 },
    { spec: sourceRedelivered, low: 0 },
    { spec: sourceLag, low: published - settled },
    { spec: sourceLagSeconds, by: 'max', low: Math.max(0, age - LAG_S), high: age === 0 ? 0 : age + 0.5 },
    { spec: sourcePartitions, low: PARTITIONS },
    { spec: METRICS.acceptedRecords, low: published },
    { spec: METRICS.records, labels: 'status="success"', low: settled },
    { spec: METRICS.unsettledRecords, low: published - settled },
    { spec: METRICS.supersededRecords, low: older },
  ]
}
