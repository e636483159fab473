import type { Context } from '@opentelemetry/api'
import type { DriverTarget } from './driver.ts'
import type { Reason } from './reasons.ts'

export type Status = 'success' | 'fail'

/** Why a batch left its lane. */
export type FlushTrigger = 'size' | 'interval' | 'pressure' | 'manual' | 'close'

/** Why a row was refused before it was accepted. */
export type RejectReason = 'full' | 'context' | 'closed' | 'invalid'

/**
 * What a flow reports to, alone or beside others. Injected with `executor.withMetricsReporter(reporter)` before
 * `new BatchFlow`.
 *
 * The engine asks for a recorder per flow and table up front (again when other reporters come or go) and then calls plain verbs on it, once per batch wherever
 * it can; meters, names and attributes are the reporter's own business.
 */
export interface MetricsReporter {
  /** Called when a flow is created. `undefined`: nothing is recorded, and the flow reads no clock. */
  open(flow: FlowProbe): FlowMetrics | undefined
  /**
   * Where the measurements go in the end: a meter provider, a client. Several reporters of one flow with the same destination
   * would count everything once more each, so the first one is opened only. Absent: it has one of its own.
   */
  destination?(): object
}

/** What a reporter may ask a live flow at any time. */
export interface FlowProbe {
  /** The driver's name. */
  readonly database: string
  /** Address of the database, as far as the driver tells. */
  readonly target?: DriverTarget | undefined
  /** Identity of the executor's slots: flows that share an executor show the same one, count it once. */
  readonly executor: ExecutorProbe
  /** Accepted rows not yet handed to the executor, for every table seen. */
  queueLengths(): Iterable<readonly [table: string, rows: number]>
  /** Every table seen, as it is now; one that has several definitions shows up several times. */
  tables(): Iterable<TableProbe>
  /** What the flow has found out by itself; `undefined`: it was told. */
  readonly adaptive?: AdaptiveProbe | undefined
  /** The log whose rows the flow writes; `undefined`: they come from elsewhere. */
  source?(): SourceProbe | undefined
}

/** What became of a message: its rows are committed, it was put aside, or its rows had been committed before. */
export type MessageOutcome = 'committed' | 'dead_lettered' | 'dropped'

/** A worker over a log at one moment; its identity is the worker's. */
export interface SourceProbe {
  /** What kind of log: `redis-streams`, `nats`, `kafka`, `spool`. */
  readonly source: string
  /** Messages settled since the worker began, by what became of them. */
  readonly messages: Readonly<Record<MessageOutcome, number>>
  /** Messages that had been handed out before, to whomever. */
  readonly redelivered: number
  /** Partitions owned now. */
  readonly partitions: number
  /** How far behind each of them was when the log was last asked: messages, and **seconds** where the log tells. */
  readonly lag: ReadonlyMap<string, { readonly messages: number; readonly seconds?: number | undefined }>
}

/** A table of a flow at one moment. */
export interface TableProbe {
  readonly table: string
  /** Rows accepted and not yet handed to the executor. */
  readonly queued: number
  /** Rows that left their lane and are not settled: in a batch, or on their way to the dead-letter handler. */
  readonly inFlight: number
  /** Batches executing now. */
  readonly batches: number
  /**
   * How long ago, in **seconds**, the first row of the oldest batch was accepted that is not settled; `undefined`: there is
   * none. Counted from when the reporter came, for rows that were there before.
   */
  readonly oldestAge: number | undefined
}

/** How a flow with `adaptive` makes its batches now, but for what it tries out. */
export interface AdaptiveProbe {
  /** Rows at which a batch leaves. */
  readonly flushSize: number
  /** Batches of the flow at once. */
  readonly concurrency: number
}

export interface ExecutorProbe {
  /** Configured limit of concurrent batches; 0 = unlimited. */
  readonly concurrencyLimit: number
  /** Batches executing now. */
  readonly inflight: number
  /** What keeps the executor's batches from the database now, where anything does. */
  readonly outage: Outage | undefined
  /** Outages begun since the executor was made, by reason. */
  readonly outages: ReadonlyMap<Reason, number>
}

/** The database takes no batch: it cannot be reached or logged in to, is read-only, out of space. */
export interface Outage {
  /** Milliseconds since 1970, as `Date.now()`. */
  readonly since: number
  readonly reason: Reason
  /** The database's own code, where it gave one. */
  readonly code: string | undefined
  /** What the database or its client said; empty where that might hold a value of a row. */
  readonly message: string
}

export interface FlowMetrics {
  table(name: string): TableMetrics
  /** The flow is closed; its gauges go to 0. */
  close(): void
}

/** Records what happens to one table of one flow. All durations are in **seconds**. */
export interface TableMetrics {
  /** `submit` called → row accepted. Sampled rows only. */
  observeEnqueueLatency(seconds: number): void
  /** Row accepted → its batch leaves the lane. Sampled rows only. */
  observeDequeueLatency(seconds: number): void
  /** Building the operation. */
  observeAssembleDuration(seconds: number): void
  /** One call of the driver. `code` is the database's own, when it failed. */
  observeAttemptDuration?(seconds: number, operation: string, reason?: Reason, code?: string): void
  /**
   * Slot taken → final outcome, retries and back-off included. `reason` when failed. `batch` is the context of the
   * batch's span where there is one: what an exemplar points to.
   */
  observeExecuteDuration(seconds: number, status: Status, reason?: Reason, batch?: Context): void
  /** Batch leaves the lane, which is when a slot takes it → settled, its dead letters handed over. */
  observeProcessDuration(seconds: number, status: Status): void
  observeBatchSize(rows: number): void
  /** This and `countRecords` are told to whoever watches when the batch is settled, even if it came after the batch had left. */
  countBatch(status: Status): void
  countRecords(status: Status, rows: number): void
  /** `retry`: an attempt failed and is repeated. `final`: a batch (or rows of it) was given up. */
  countError(kind: 'retry' | 'final', reason: Reason): void
  countRejected(reason: RejectReason, rows: number): void
  countFlush(trigger: FlushTrigger): void
  countCoalesced(strategy: 'ignore' | 'update' | 'replace', rows: number): void
  countDeadLetters(reason: Reason, rows: number): void
  /**
   * Committed rows that changed nothing, as they were not newer than the row they met (`onConflict.newer`): the stored one, or
   * one that waited with them. The latter are told with `countCoalesced` as well.
   */
  countSuperseded?(rows: number): void
  /**
   * Deletions carried out, whether there was such a row or not, with `countRecords`. Those merged into others of their key are not
   * among them.
   */
  countDeleted?(rows: number): void
  /** Rows accepted, told as they leave their lane: together with those that are `queued` they are all. */
  countAccepted?(rows: number): void
  /** An operation is handed to the client, where the driver knows how long it is; once for each attempt. */
  countSentBytes?(bytes: number): void
}

/** The default: says nothing, costs nothing. */
export const noopReporter: MetricsReporter = Object.freeze({ open: () => undefined })
