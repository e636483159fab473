/**
 * What a load knows of itself, without asking the library's telemetry: what it submitted, what its receipts and dead letters
 * said, what reached its driver, by its own clock, and what its databases hold in the end.
 */

import type { LogBook } from './log.ts'

/** The `test_name` of all flows of a load. */
export const TEST_NAME = 'ledger'

/** A value the load knows, between its bounds. */
export type Range = readonly [low: number, high: number]

/** One batch as its driver and its receipts saw it. Times in seconds. */
export interface BatchEntry {
  readonly database: string
  readonly table: string
  readonly traceId: string
  readonly spanId: string
  /** Rows the driver got. */
  readonly rows: number
  /** Bytes of the operations that were run, once for each attempt, as far as the driver says. */
  bytes: number
  /** Every call of `plan` that succeeded. */
  readonly plans: number[]
  /** Every attempt that failed and was followed by another, by the reason that was put in. */
  readonly retries: string[]
  /** From the first plan to the end of the last attempt. */
  executed: number
  /** From the first plan until the load had heard of its last row. */
  settled: number
  /** Rows its receipts were for, those merged into others too. */
  committed: number
  /** Rows in it that nobody awaits a receipt for. */
  quiet: number
  /** Rows that came as dead letters, and why the first one did. */
  failed: number
  reason?: string
  /** Span ids of the requests whose rows it carries. */
  readonly requests: string[]
}

/** One table of one database. */
export interface TableBook {
  readonly database: string
  readonly table: string
  /** What the table does about a row whose key is there, as the load defined it; `error` where it has no key. */
  readonly strategy: string
  accepted: number
  /** Rows refused, by reason. */
  readonly rejected: Record<string, number>
  /** Rows handed to the dead-letter handler, by reason. */
  readonly deadLetters: Record<string, number>
  /** Seconds each accepted row waited in `submit`. Where that took it at once, the time it took is the most it can be. */
  readonly enqueue: Range[]
  /** Seconds from each row's acceptance until its batch reached the driver. */
  readonly dequeue: number[]
  /** Rows the database holds in the end, and how many it should. */
  stored?: number
  toBeStored?: number
}

/** A span the load made or was told of. */
export interface SpanEntry {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
}

/** One table and its executor while the load stands still. */
export interface HeldEntry {
  readonly database: string
  readonly table: string
  /** Rows that did not reach the driver yet. */
  readonly queued: number
  readonly unsettled: number
  readonly inflight: number
  readonly limit: number
  /** When the oldest of those rows was accepted, in seconds since 1970. */
  readonly since: number
}

export interface Books {
  /** Of a worker over a durable log, where there is one. */
  log?: LogBook | undefined
  readonly tables: TableBook[]
  readonly batches: BatchEntry[]
  /** Outages that were put in: database → reason → how many. */
  readonly outages: Record<string, Record<string, number>>
  /** Empty while the load runs. */
  held: HeldEntry[]
  readonly requests: SpanEntry[]
  /** How late the load's own timers were, in seconds: the machine did something else meanwhile. */
  readonly late: number[]
}

export function emptyBooks(): Books {
  return { tables: [], batches: [], outages: {}, held: [], requests: [], late: [] }
}

/** The table's book, opened when there is none. Their order is that in which the tables were first written to. */
export function bookOf(books: Books, database: string, table: string, strategy: string): TableBook {
  const known = books.tables.find((book) => book.database === database && book.table === table)
  if (known !== undefined) return known
  const book = { database, table, strategy, accepted: 0, rejected: {}, deadLetters: {}, enqueue: [], dequeue: [] }
  books.tables.push(book)
  return book
}

export function add(counts: Record<string, number>, key: string, by = 1): void {
  counts[key] = (counts[key] ?? 0) + by
}
