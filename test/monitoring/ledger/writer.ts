/** Writes to one store, and keeps the books. What is written is the same every time; how it falls into batches is not. */
import { type Tracer, trace } from '@opentelemetry/api'
import {
  BatchFlow,
  type BatchFlowOptions,
  createExecutor,
  type DeadLetter,
  defineTable,
  type Executor,
  type MetricsReporter,
  type Receipt,
  type RejectReason,
  type Row,
  type Table,
} from 'batchflow-otel'
import { OtelTracing } from 'batchflow-otel/otel'
import { add, type BatchEntry, type Books, bookOf, type TableBook } from './books.ts'
import type { Store } from './stores.ts'
import { classifyInjected, Injected, WatchedDriver } from './watched-driver.ts'

export interface Item {
  readonly id: number
  readonly customer: number
  readonly amount: number
}

/** A row on its way: when it was accepted (ms), and by which request it was submitted. */
interface Pending {
  at?: number
  readonly request: string | undefined
  readonly quiet: boolean
}

export const SLOTS = 2
const FLUSH_SIZE = 40
const BUFFER_SIZE = 160

export class Writer {
  readonly store: Store
  readonly driver: WatchedDriver
  readonly grows: Table<Item>
  readonly keyed: Table<Item>
  readonly flow: BatchFlow
  readonly #books: Books
  readonly #executor: Executor
  readonly #pending = new Map<string, Pending[]>()
  readonly #customers = new Set<number>()
  #id = 0

  constructor(store: Store, books: Books, reporter: MetricsReporter) {
    this.store = store
    this.#books = books
    this.driver = new WatchedDriver(store.driver, books, (...row) => this.#arrived(...row))
    this.#executor = createExecutor(this.driver)
      .withConcurrencyLimit(SLOTS)
      .withErrorClassifier(classifyInjected)
      .withMetricsReporter(reporter)
      .withTracing(new OtelTracing())
    this.grows = growing(store.grows)
    this.keyed = defineTable<Item>(store.keyed, {
      columns: ['customer', 'id', 'amount'],
      onConflict: { action: 'update', keys: ['customer'] },
    })
    this.flow = this.open({ flushSize: FLUSH_SIZE, bufferSize: BUFFER_SIZE, flushInterval: 20 })
  }

  /** Every row has its latencies taken, so that their counts are known. */
  open(options: BatchFlowOptions): BatchFlow {
    const deadLetter = (letters: readonly DeadLetter[]) => this.#failed(letters)
    return new BatchFlow(this.#executor, { ...options, latencySampling: 1, deadLetter })
  }

  item({ customer = this.#id, amount = this.#id % 900 } = {}): Item {
    return { id: this.#id++, customer, amount }
  }

  /** A request: its span is active while it writes, and ends when all its rows are settled. */
  async request(tracer: Tracer, write: () => Promise<unknown>[]): Promise<void> {
    const name = `POST /${this.grows.name}`
    await tracer.startActiveSpan(name, async (span) => {
      const { traceId, spanId } = span.spanContext()
      this.#books.requests.push({ name, traceId, spanId })
      await Promise.all(write())
      span.end()
    })
  }

  /** Writes a row that there is room for, and awaits its receipt. */
  async write(table: Table<Item>, row: Item): Promise<void> {
    const pending = this.#expect(table, row, false)
    const start = performance.now()
    const receipt = this.flow.write(table, row)
    this.#accepted(table, pending, start, false)
    await receipt.then(
      (told) => this.#committed(told),
      () => {}, // the dead letter says so, and of which batch it was
    )
    if (table === this.keyed) this.#customers.add(row.customer)
  }

  /** Submits a row that has to wait for room. */
  async submit(table: Table<Item>, row = this.item()): Promise<void> {
    const pending = this.#expect(table, row, true)
    const start = performance.now()
    await this.flow.submit(table, row)
    this.#accepted(table, pending, start, true)
  }

  trySubmit(flow: BatchFlow, table: Table<Item>): boolean {
    const row = this.item()
    const pending = this.#expect(table, row, true)
    const start = performance.now()
    const taken = flow.trySubmit(table, row)
    if (taken) this.#accepted(table, pending, start, false)
    else this.#pending.delete(keyOf(table.name, row))
    return taken
  }

  /** What `submit` does must be refused. */
  async refused(table: Table, reason: RejectReason, submit: () => Promise<void>): Promise<void> {
    const taken = await submit().then(
      () => true,
      () => false,
    )
    if (taken) throw new Error(`a row was taken that should be refused as ${reason}`)
    add(this.#book(table).rejected, reason)
  }

  countRefused(table: Table, reason: RejectReason): void {
    add(this.#book(table).rejected, reason)
  }

  /** The next attempt fails so. */
  trouble(...classification: ConstructorParameters<typeof Injected>): void {
    this.driver.troubles.push(new Injected(...classification))
  }

  outage(reason: string): void {
    const { name } = this.driver
    const outages = this.#books.outages[name] ?? {}
    this.#books.outages[name] = outages
    add(outages, reason)
  }

  /** What has reached the driver, and what has not, of rows submitted to a table since `first` batches were there. */
  held(table: Table, rows: number, first: number, since: number): void {
    const batches = this.#books.batches.filter(({ database }) => database === this.driver.name).slice(first)
    const arrived = batches.reduce((sum, batch) => sum + batch.rows, 0)
    this.#books.held.push({
      database: this.driver.name,
      table: table.name,
      queued: rows - arrived,
      unsettled: rows,
      inflight: batches.length,
      limit: SLOTS,
      since,
    })
  }

  get batches(): number {
    return this.#books.batches.filter(({ database }) => database === this.driver.name).length
  }

  /** Closes the flow and asks the database what it holds. */
  async finish(): Promise<void> {
    await this.flow.close()
    for (const book of this.#books.tables.filter(({ database }) => database === this.driver.name)) {
      book.stored = await this.store.count(book.table)
      const failed = Object.values(book.deadLetters).reduce((sum, rows) => sum + rows, 0)
      book.toBeStored = book.strategy === 'error' ? book.accepted - failed : this.#customers.size
    }
    await this.store.close()
  }

  #book({ name, action }: Table): TableBook {
    return bookOf(this.#books, this.driver.name, name, action)
  }

  #expect(table: Table<Item>, row: Item, quiet: boolean): Pending {
    this.#book(table)
    const pending = { request: trace.getActiveSpan()?.spanContext().spanId, quiet }
    const key = keyOf(table.name, row)
    this.#pending.set(key, [...(this.#pending.get(key) ?? []), pending])
    return pending
  }

  #accepted(table: Table, pending: Pending, start: number, waited: boolean): void {
    const book = this.#book(table)
    pending.at = performance.now()
    book.accepted++
    const seconds = (pending.at - start) / 1000
    book.enqueue.push([waited ? seconds : 0, seconds])
  }

  #arrived(table: string, row: Row, batch: BatchEntry, at: number): void {
    const key = keyOf(table, row as unknown as Item)
    const book = this.#books.tables.find((one) => one.database === this.driver.name && one.table === table)
    for (const pending of this.#pending.get(key) ?? []) {
      // A row that waited for room may arrive before its submitter is told.
      book?.dequeue.push((at - (pending.at ?? at)) / 1000)
      if (pending.quiet) batch.quiet++
      if (pending.request !== undefined && !batch.requests.includes(pending.request))
        batch.requests.push(pending.request)
    }
    this.#pending.delete(key)
  }

  #committed({ spanId = '' }: Receipt): void {
    const batch = this.#heard(spanId)
    batch.committed++
  }

  #failed(letters: readonly DeadLetter[]): void {
    for (const { table, spanId = '', error } of letters) {
      const batch = this.#heard(spanId)
      batch.failed++
      batch.reason ??= error.reason
      const book = this.#books.tables.find((one) => one.database === this.driver.name && one.table === table)
      if (book !== undefined) add(book.deadLetters, error.reason)
    }
  }

  #heard(spanId: string): BatchEntry {
    const batch = this.driver.bySpan.get(spanId)
    if (batch === undefined) throw new Error('a receipt for a batch that never reached the driver')
    batch.settled = (performance.now() - this.driver.startOf(batch)) / 1000
    return batch
  }
}

export function growing(name: string): Table<Item> {
  return defineTable<Item>(name, { columns: ['id', 'customer', 'amount'] })
}

/** Rows of a keyed table are told apart by their key, the others by their number. */
function keyOf(table: string, { id, customer }: Item): string {
  return table.endsWith('_latest') || table.endsWith('_sessions') ? `${table} ${customer}` : `${table} ${id}`
}
