import type { Span } from '@opentelemetry/api'
import type { Companion } from '../contract/companion.ts'
import type { RowFailedError } from '../contract/errors.ts'
import type { FlushTrigger, TableMetrics } from '../contract/metrics-reporter.ts'
import type { Row, Table } from '../contract/table.ts'
import type { BatchFlowError } from '../support/batchflow-error.ts'
import { Origins } from './origins.ts'
import { type ErrorOf, isKept, ManyWaiter, type Receipt, Stretch, tell, type Waiter } from './waiter.ts'

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
  /** The `flushSize` of the flow when its first row came; 0: it came ready-made. */
  flushSize = 0
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
  #keptOf: Map<number, number> | undefined
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
    if (waiter instanceof ManyWaiter) this.attachMany(index, 1, waiter)
    else {
      this.#places.push(index + this.#shifted)
      this.#waiters.push(waiter)
    }
  }

  /** `waiter` hears of so many rows, from the one at `index` on. */
  attachMany(index: number, rows: number, waiter: ManyWaiter): void {
    const place = index + this.#shifted
    const last = this.#stretches[this.#stretches.length - 1]
    if (!last?.takes(place, rows, waiter)) this.#stretches.push(new Stretch(place, rows, waiter))
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

  /** Takes over the rows of `other`, behind its own, with everybody who waits for them. Neither may be of merged rows. */
  append(other: Batch): void {
    const by = this.rows.length + this.#shifted - other.#shifted
    for (const row of other.rows) this.rows.push(row)
    for (const place of other.#places) this.#places.push(place + by)
    for (const waiter of other.#waiters) this.#waiters.push(waiter)
    for (const stretch of other.#stretches) {
      stretch.place += by
      this.#stretches.push(stretch)
    }
    for (const sample of other.samples ?? []) (this.samples ??= []).push(sample)
    for (const age of other.ages ?? []) (this.ages ??= []).push(age)
    if (other.origins !== undefined) (this.origins ??= new Origins()).addAll(other.origins)
    this.bytes += other.bytes
  }

  weightOf(index: number): number {
    return this.weights === undefined ? 1 : this.weights[index]!
  }

  keptOf(index: number): number {
    return this.#keptOf?.get(index) ?? 0
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
      this.#keptOf ??= new Map()
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
