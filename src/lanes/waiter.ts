import type { Span } from '@opentelemetry/api'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { logError } from '../support/guard.ts'

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

/** Whoever wants to hear what became of a row. Called once for every row it was given with. */
export interface Receiver {
  /** The row is committed. */
  committed(receipt: Receipt): void
  /** It is not, and nobody tries any more: a `RowFailedError`, or an `AbandonedError` when `close()` gave it up. */
  failed(error: BatchFlowError): void
}

/** A receiver from inside, of whom more is known. What its methods throw is logged, and harms no other row. */
export interface Waiter extends Receiver {
  /** The span to be linked to the batch the row travels in. */
  readonly span?: Span | undefined
  /** Waits for the row to be settled, whatever becomes of it: a failure is not its to tell. */
  readonly passive?: boolean
  /** Its row waits for room, whatever else is done where there is none. */
  readonly patient?: boolean
  /**
   * Asked before it is told that its row failed: whether it keeps the row, to hand it over again. Such a row is not settled, and
   * counts as in flight, until it has come again or is let go ({@link Lane.letGo}).
   */
  keeps?(error: BatchFlowError): boolean
  /** Its row is one that it kept; taken back when the row is accepted. */
  again?: boolean
}

/** Waits for many rows that are handed over one after the other, and tells them apart by their numbers. */
export abstract class ManyWaiter implements Waiter {
  /** That of the row that is handed over now, or of the first of several. */
  abstract readonly number: number
  /** Waits for so many more, which are handed over now. */
  abstract next(rows: number): void
  /** Who waits for one of them alone. */
  abstract one(number: number): Waiter
  /** So many of them are committed, `first` and those after it. */
  abstract allCommitted(first: number, rows: number, receipt: Receipt): void

  /** The one that is handed over now is. */
  committed(receipt: Receipt): void {
    this.one(this.number).committed(receipt)
  }

  failed(error: BatchFlowError): void {
    this.one(this.number).failed(error)
  }
}

export type ErrorOf = (index: number) => BatchFlowError | undefined

/** Rows of one call that follow each other in a batch as they did there. */
export class Stretch {
  /** Of the first one. */
  place: number
  rows: number
  readonly #waiter: ManyWaiter
  #first: number

  constructor(place: number, rows: number, waiter: ManyWaiter) {
    this.place = place
    this.rows = rows
    this.#waiter = waiter
    this.#first = waiter.number
  }

  /** Whether those at `place` and after it, which are handed over now, are the next ones. */
  takes(place: number, rows: number, waiter: ManyWaiter): boolean {
    const before = this.rows
    if (waiter !== this.#waiter || place !== this.place + before || waiter.number !== this.#first + before) return false
    this.rows += rows
    return true
  }

  /** Loses its first row; returns who waits for that. */
  shift(): Waiter {
    this.place++
    this.rows--
    return this.#waiter.one(this.#first++)
  }

  /** @param shifted how many places lie before the batch's first row */
  settle(shifted: number, receipt: Receipt | undefined, errorOf: ErrorOf | undefined): void {
    if (errorOf === undefined) this.#waiter.allCommitted(this.#first, this.rows, receipt!)
    else
      for (let i = 0; i < this.rows; i++)
        tell(this.#waiter.one(this.#first + i), receipt, errorOf(this.place + i - shifted))
  }
}

export function tell(waiter: Waiter, receipt: Receipt | undefined, error: BatchFlowError | undefined): void {
  try {
    if (error !== undefined) waiter.failed(error)
    else if (receipt !== undefined) waiter.committed(receipt)
  } catch (thrown) {
    logError('a receiver threw as it was told what became of its row', thrown)
  }
}

export function isKept(waiter: Waiter, error: BatchFlowError): boolean {
  try {
    return waiter.keeps?.(error) ?? false
  } catch (thrown) {
    logError('a receiver threw as it was asked whether it keeps its row', thrown)
    return false
  }
}
