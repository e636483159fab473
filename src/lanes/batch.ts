import type { Span } from '@opentelemetry/api'
import type { FlushTrigger, TableMetrics } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import type { Origins } from './origins.ts'

/** Proof that a row is committed; one object for all rows of a batch. */
export interface Receipt {
  readonly table: string
  /** Rows the batch wrote. */
  readonly rows: number
  /** Attempts the batch took. */
  readonly attempts: number
  /** Ids of the batch's span, where batches are traced. */
  readonly traceId?: string
  readonly spanId?: string
}

/** Whoever wants to hear what became of a row. Neither method may throw. */
export interface Waiter {
  /** The span to be linked to the batch the row travels in. */
  readonly span?: Span | undefined
  /** Waits for the row to be settled, whatever becomes of it: a failure is not its to tell. */
  readonly passive?: boolean
  committed(receipt: Receipt): void
  failed(error: BatchFlowError): void
}

/** Rows that travel together, with everybody who waits for them. */
export class Batch {
  readonly table: Table
  readonly rows: Row[] = []
  /** Rows accepted into this batch: `rows` and those merged into them. */
  accepted = 0
  /** How many accepted rows each of `rows` stands for; `undefined`: one. */
  weights: number[] | undefined
  /** Accept times (ms) of the sampled rows. */
  samples: number[] | undefined
  /** The origins of its rows, for tracing. */
  origins: Origins | undefined
  /** Who is told of it: whoever was when it left its lane. */
  metrics: TableMetrics | undefined
  /** When it left the lane (ms); only where something is reported. */
  leftAt = 0
  trigger: FlushTrigger = 'size'
  /** Attempts with rows of it that were repeated. */
  retried = 0
  readonly #waiters: Waiter[] = []
  readonly #places: number[] = []

  constructor(table: Table) {
    this.table = table
  }

  /** `waiter` hears of the row at `index`. */
  attach(index: number, waiter: Waiter): void {
    this.#places.push(index)
    this.#waiters.push(waiter)
  }

  weightOf(index: number): number {
    return this.weights === undefined ? 1 : this.weights[index]!
  }

  /** Distinct spans to be linked to this batch. */
  submitters(): Set<Span> {
    const spans = new Set<Span>()
    for (const { span } of this.#waiters) if (span !== undefined) spans.add(span)
    return spans
  }

  /** Places of the rows whose fate somebody will hear of. */
  awaited(): Set<number> {
    return new Set(this.#places.filter((_, i) => !this.#waiters[i]!.passive))
  }

  /** Tells everybody. `errorOf` gives the error of a row that failed. */
  settle(receipt: Receipt, errorOf: (index: number) => BatchFlowError | undefined): void {
    for (let i = 0; i < this.#waiters.length; i++) {
      const error = errorOf(this.#places[i]!)
      if (error === undefined) this.#waiters[i]!.committed(receipt)
      else this.#waiters[i]!.failed(error)
    }
  }
}
