/** The load's own eyes and hands at its driver: it notes what arrives there and when, and puts trouble in. */
import { setTimeout as sleep } from 'node:timers/promises'
import { context, trace } from '@opentelemetry/api'
import type { AttemptContext, BatchInput, Classification, Driver, Operation, Row } from 'batchflow-otel'
import type { BatchEntry, Books } from './books.ts'

/** Trouble put in at the driver; how it is to be understood goes with it. */
export class Injected extends Error {
  readonly classification: Classification

  constructor(classification: Classification) {
    super(`put in: ${classification.reason}`)
    this.classification = classification
  }
}

/** For `withErrorClassifier`. */
export function classifyInjected(error: unknown): Classification | undefined {
  return error instanceof Injected ? error.classification : undefined
}

/** Told of every row that reaches the driver in a new batch. */
export type Arrived = (table: string, row: Row, batch: BatchEntry, at: number) => void

/** Every attempt takes at least so long, so that a doubled or halved duration shows. */
const SLOW_MS = 20

export class WatchedDriver implements Driver {
  readonly name: string
  readonly target: Driver['target']
  readonly probe?: NonNullable<Driver['probe']>
  readonly ping?: NonNullable<Driver['ping']>
  /** The next attempts fail with these, one after the other. */
  readonly troubles: Injected[] = []
  readonly bySpan = new Map<string, BatchEntry>()
  /** Attempts wait for it before they reach the database. */
  hold: Promise<void> = Promise.resolve()
  readonly #driver: Driver
  readonly #books: Books
  readonly #arrived: Arrived
  readonly #startedAt = new Map<BatchEntry, number>()
  readonly #byOperation = new WeakMap<Operation, BatchEntry>()

  constructor(driver: Driver, books: Books, arrived: Arrived) {
    this.name = driver.name
    this.target = driver.target
    this.#driver = driver
    this.#books = books
    this.#arrived = arrived
    if (driver.probe !== undefined) this.probe = driver.probe.bind(driver)
    if (driver.ping !== undefined) this.ping = driver.ping.bind(driver)
  }

  async plan(batch: BatchInput, attempt: AttemptContext): Promise<Operation> {
    const start = performance.now()
    const entry = this.#entryOf(batch, start)
    const operation = await this.#driver.plan(batch, attempt)
    entry.plans.push((performance.now() - start) / 1000)
    this.#byOperation.set(operation, entry)
    return operation
  }

  async run(operation: Operation, attempt: AttemptContext): ReturnType<Driver['run']> {
    const entry = this.#byOperation.get(operation)
    if (entry === undefined) throw new Error('an operation that was not planned here')
    entry.bytes += operation.byteLength ?? 0
    try {
      await Promise.all([this.hold, this.#pause()])
      const trouble = this.troubles.shift()
      if (trouble !== undefined) {
        if (trouble.classification.retryable) entry.retries.push(trouble.classification.reason)
        throw trouble
      }
      return await this.#driver.run(operation, attempt)
    } finally {
      entry.executed = (performance.now() - this.startOf(entry)) / 1000
    }
  }

  classify(error: unknown): Classification | undefined {
    return this.#driver.classify?.(error)
  }

  /** When the batch came here first, in ms. */
  startOf(entry: BatchEntry): number {
    return this.#startedAt.get(entry) ?? Number.NaN
  }

  async #pause(): Promise<void> {
    const start = performance.now()
    await sleep(SLOW_MS)
    this.#books.late.push(Math.max(0, performance.now() - start - SLOW_MS) / 1000)
  }

  #entryOf({ table, rows }: BatchInput, at: number): BatchEntry {
    const span = trace.getSpanContext(context.active())
    if (span === undefined) throw new Error('the ledger load must be traced')
    const known = this.bySpan.get(span.spanId)
    if (known !== undefined) return known
    const { traceId, spanId } = span
    const entry: BatchEntry = {
      database: this.name,
      table: table.name,
      traceId,
      spanId,
      rows: rows.length,
      bytes: 0,
      plans: [],
      retries: [],
      executed: 0,
      settled: 0,
      committed: 0,
      failed: 0,
      quiet: 0,
      requests: [],
    }
    this.bySpan.set(spanId, entry)
    this.#startedAt.set(entry, at)
    this.#books.batches.push(entry)
    for (const row of rows) this.#arrived(table.name, row, entry, at)
    return entry
  }
}
