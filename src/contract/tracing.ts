import type { Context, Span, SpanContext } from '@opentelemetry/api'
import type { DriverTarget, Operation } from './driver.ts'
import type { FlushTrigger } from './metrics-reporter.ts'
import type { Reason } from './reasons.ts'

/** Ties batches to traces. Injected with `executor.withTracing(tracing)` before `new BatchFlow`. */
export interface Tracing {
  /** Called when a flow is created. `undefined`: nothing is traced, and no row's origin is kept. */
  open(flow: FlowInfo): FlowTracing | undefined
}

export interface FlowInfo {
  /** The driver's name: `postgres`, `mysql`, `sqlite`, `redis`. */
  readonly database: string
  readonly target: DriverTarget | undefined
}

export interface FlowTracing {
  /** The origin of a row: the span context active now, if it is valid. Asked for every row. */
  capture(): SpanContext | undefined
  /** The active span, which is to be linked to the batch its row travels in. Asked for every `write`. */
  captureSpan(): Span | undefined
  /** `undefined`: nothing is traced, as no provider is registered. */
  startBatch(batch: BatchInfo): BatchTrace | undefined
  /** Messages of a log are handed over to be written. `undefined`: nothing is traced. */
  startProcess?(messages: ProcessInfo): ProcessTrace | undefined
}

/** What is known of messages when the span of their processing starts. */
export interface ProcessInfo {
  /** `messaging.system` of the conventions: `redis`, `nats`, `kafka`, `spool`. */
  readonly system: string
  /** The stream, subject, topic or file. */
  readonly destination: string
  readonly partition: string
  readonly messages: number
  /** Span contexts the messages carry, in their order. */
  readonly origins: readonly SpanContext[]
}

/** None of its methods may throw. */
export interface ProcessTrace {
  /** All are settled, or given back. Called once. */
  end(outcome: ProcessOutcome): void
}

export interface ProcessOutcome {
  /** Messages put aside. */
  readonly deadLettered: number
  /** Messages that were not settled, as their partition is somebody else's now. */
  readonly givenBack: number
}

/** What is known of a batch when its span starts. */
export interface BatchInfo {
  readonly table: string
  readonly rows: number
  /** Rows accepted into the batch, those merged away included. */
  readonly accepted: number
  readonly trigger: FlushTrigger
  /** Distinct span contexts that submitted its rows, in the order they first came. */
  readonly origins: readonly SpanContext[]
  /** Rows were submitted outside of any span, too. */
  readonly orphans: boolean
  /** Spans that wait for rows of the batch. */
  readonly submitters: Iterable<Span>
}

/** None of its methods may throw by itself: `within` passes on what `act` throws. */
export interface BatchTrace {
  readonly spanContext: SpanContext
  /** Context of the batch's span. */
  readonly context: Context
  /** Runs `act` as a child of the batch. */
  within<T>(act: () => T): T
  /** `undefined`: this attempt has no span. */
  startAttempt(operation: Operation, table: string): AttemptTrace | undefined
  /** The batch waits, as the database takes none. Called once, until it waits no longer. */
  outageBegan?(why: AttemptFailure): void
  /** The batch waits no longer: the database takes batches. Not called when the batch is given up first. */
  outageEnded?(wait: OutageWait): void
  end(outcome: BatchOutcome): void
}

/** How a batch waited for its database. */
export interface OutageWait {
  readonly seconds: number
  /** Attempts at the batch that the database did not take. */
  readonly attempts: number
}

export interface BatchOutcome {
  readonly attempts: number
  /** Rows not committed. */
  readonly failed: number
  /** Those of them that may be written nevertheless. */
  readonly ambiguous: number
  readonly reason: Reason | undefined
}

export interface AttemptTrace {
  /** Runs `act` as a child of the attempt. */
  within<T>(act: () => T): T
  end(failure?: AttemptFailure): void
}

export interface AttemptFailure {
  readonly reason: Reason
  /** The database's own code. */
  readonly code: string | undefined
}
