import type { Span } from '@opentelemetry/api'
import type { Companion } from '../contract/companion.ts'
import type { RowFailedError } from '../contract/errors.ts'
import type { FlushTrigger, TableMetrics } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { logError } from '../support/guard.ts'
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
  /** That of the row that is handed over now. */
  abstract readonly number: number
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

/** In place of a time that nobody took. */
export const UNTIMED = -1

/** Rows that travel together, with everybody who waits for them. */
export class Batch {
  readonly table: Table
  readonly rows: Row[] = []
  /** Rows accepted into this batch: `rows` and those merged into them. */
  accepted = 0
  /** About how many bytes of memory its rows take. */
  bytes = 0
  /** How many accepted rows each of `rows` stands for; `undefined`: one. */
  weights: number[] | undefined
  /** How many of the rows that each of `rows` stands for were not newer than another of them; only those that stand for some. */
  superseded: Map<number, number> | undefined
  /** Accept times (ms) of the sampled rows. */
  samples: number[] | undefined
  /** The origins of its rows, for tracing. */
  origins: Origins | undefined
  /** Who is told of it: whoever was when it left its lane. */
  metrics: TableMetrics | undefined
  /** When its first row was accepted (ms), else `UNTIMED`; only where metrics are. */
  since = UNTIMED
  /** When it left the lane (ms); only where something is reported. */
  leftAt = 0
  trigger: FlushTrigger = 'size'
  /** When each row was accepted, in rows accepted before it; only where the oldest rows may have to make room. */
  ages: number[] | undefined
  /**
   * What has to be committed together with all of its rows. Such a batch is never divided to find bad rows: where one row
   * fails the companion did not take effect, whatever became of the others.
   */
  companion: Companion | undefined = undefined
  /** Accepted rows that are not settled with it: whoever waits for them keeps them. */
  kept = 0
  /** Why the first of them failed. */
  keptFor: RowFailedError | undefined
  /** Rows that waited behind them, and come again with them. */
  behind: Batch | undefined
  /** How many of them each of `rows` stands for. */
  readonly #keptOf = new Map<number, number>()
  /** Attempts with rows of it that were repeated. */
  retried = 0
  /** Place of the row that the database named as the one at fault, where rows were given up together. */
  culprit: number | undefined
  readonly #waiters: Waiter[] = []
  /** Where the rows they wait for stood when nothing was shifted out yet. */
  readonly #places: number[] = []
  #shifted = 0
  /** Those who wait for many of its rows. */
  readonly #stretches: Stretch[] = []

  constructor(table: Table) {
    this.table = table
  }

  /** `waiter` hears of the row at `index`. */
  attach(index: number, waiter: Waiter): void {
    const place = index + this.#shifted
    if (waiter instanceof ManyWaiter) this.#attachMany(place, waiter)
    else {
      this.#places.push(place)
      this.#waiters.push(waiter)
    }
  }

  #attachMany(place: number, waiter: ManyWaiter): void {
    const last = this.#stretches[this.#stretches.length - 1]
    if (!last?.takes(place, waiter)) this.#stretches.push(new Stretch(place, waiter))
  }

  /** Moves the first row, which is of `bytes`, into `other`, with everybody who waits for it. */
  shift(other: Batch, bytes: number): void {
    const index = other.rows.push(this.rows.shift()!) - 1
    this.ages?.shift()
    while (this.#places[0] === this.#shifted) {
      this.#places.shift()
      other.attach(index, this.#waiters.shift()!)
    }
    const [first] = this.#stretches
    if (first?.place === this.#shifted) other.attach(index, first.shift())
    if (first?.rows === 0) this.#stretches.shift()
    this.#shifted++
    this.samples?.splice(this.rows.length) // which rows they are of nobody knows
    this.bytes -= bytes
    other.bytes += bytes
    other.accepted++
  }

  weightOf(index: number): number {
    return this.weights === undefined ? 1 : this.weights[index]!
  }

  keptOf(index: number): number {
    return this.#keptOf.get(index) ?? 0
  }

  /** Asks those who wait for rows that failed whether they keep them. A batch with a companion is kept whole. */
  keep(failures: ReadonlyMap<number, RowFailedError>): void {
    for (const [i, waiter] of this.#waiters.entries()) {
      const index = this.#places[i]! - this.#shifted
      const error = failures.get(index)
      if (error === undefined || waiter.keeps === undefined || !isKept(waiter, error)) continue
      const rows = this.companion === undefined ? 1 : this.weightOf(index)
      this.keptFor ??= error
      this.kept += rows
      this.#keptOf.set(index, this.keptOf(index) + rows)
    }
    if (this.companion !== undefined && this.kept > 0) this.kept = this.accepted
  }

  /** Distinct spans to be linked to this batch. */
  submitters(): Set<Span> {
    const spans = new Set<Span>()
    for (const { span } of this.#waiters) if (span !== undefined) spans.add(span)
    return spans
  }

  /** Places of the rows whose fate somebody will hear of. */
  awaited(): Set<number> {
    const places = this.#places.filter((_, i) => !this.#waiters[i]!.passive)
    for (const { place, rows } of this.#stretches) for (let i = 0; i < rows; i++) places.push(place + i)
    return new Set(places.map((place) => place - this.#shifted))
  }

  /** Tells everybody that no row is written. */
  fail(errorOf: (index: number) => BatchFlowError): void {
    this.#tell(undefined, errorOf)
  }

  /** Tells everybody. `errorOf` gives the error of a row that failed; without it all are committed. */
  settle(receipt: Receipt, errorOf?: (index: number) => BatchFlowError | undefined): void {
    this.#tell(receipt, errorOf)
  }

  #tell(receipt: Receipt | undefined, errorOf?: ErrorOf): void {
    for (let i = 0; i < this.#waiters.length; i++) {
      tell(this.#waiters[i]!, receipt, errorOf?.(this.#places[i]! - this.#shifted))
    }
    for (const stretch of this.#stretches) stretch.settle(this.#shifted, receipt, errorOf)
  }
}

type ErrorOf = (index: number) => BatchFlowError | undefined

/** Rows of one call that follow each other in a batch as they did there. */
class Stretch {
  /** Of the first one. */
  place: number
  rows = 1
  readonly #waiter: ManyWaiter
  #first: number

  constructor(place: number, waiter: ManyWaiter) {
    this.place = place
    this.#waiter = waiter
    this.#first = waiter.number
  }

  /** Whether the row at `place`, which is handed over now, is the next one. */
  takes(place: number, waiter: ManyWaiter): boolean {
    const { rows } = this
    if (waiter !== this.#waiter || place !== this.place + rows || waiter.number !== this.#first + rows) return false
    this.rows++
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

function tell(waiter: Waiter, receipt: Receipt | undefined, error: BatchFlowError | undefined): void {
  try {
    if (error !== undefined) waiter.failed(error)
    else if (receipt !== undefined) waiter.committed(receipt)
  } catch (thrown) {
    logError('a receiver threw as it was told what became of its row', thrown)
  }
}

function isKept(waiter: Waiter, error: BatchFlowError): boolean {
  try {
    return waiter.keeps?.(error) ?? false
  } catch (thrown) {
    logError('a receiver threw as it was asked whether it keeps its row', thrown)
    return false
  }
}
