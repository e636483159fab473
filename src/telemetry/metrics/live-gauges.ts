import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api'
import type { FlowProbe } from '../../contract/metrics-reporter.ts'
import type { Guard } from '../../support/guard.ts'
import { METRICS } from './catalogue.ts'
import { ExecutorCell } from './executor-cell.ts'
import { instrumentOptions } from './instruments.ts'
import type { LabelCap } from './label-cap.ts'

/** A flow whose state is read at each collection. */
export interface LiveFlow {
  readonly probe: FlowProbe
  /** Attributes of what belongs to the executor: no table. */
  readonly common: Attributes
  attributesOf(table: string): Attributes
}

interface QueueCell {
  readonly attributes: Attributes
  rows: number
}

/**
 * The observed metrics of one meter, for all flows of all reporters on it.
 *
 * Two callbacks that observe the same attributes overwrite each other, and the SDK exports the last value of a source
 * that has gone for ever. So there is one callback, it sums, and it goes on observing an attribute set, with 0, after the
 * last flow that had it was closed.
 */
export class LiveGauges {
  readonly #guard: Guard
  readonly #reasons: LabelCap
  readonly #flows = new Set<LiveFlow>()
  readonly #queues = new Map<string, QueueCell>()
  readonly #executors = new Map<string, ExecutorCell>()
  readonly #queueLength: Observable
  readonly #concurrency: Observable
  readonly #inflight: Observable
  readonly #paused: Observable
  readonly #outages: Observable

  constructor(meter: Meter, guard: Guard, reasons: LabelCap) {
    const { queueLength, executorConcurrency, inflightBatches, executorPaused, executorOutages } = METRICS
    this.#guard = guard
    this.#reasons = reasons
    this.#queueLength = meter.createObservableUpDownCounter(queueLength.name, instrumentOptions(queueLength))
    this.#concurrency = meter.createObservableGauge(executorConcurrency.name, instrumentOptions(executorConcurrency))
    this.#inflight = meter.createObservableUpDownCounter(inflightBatches.name, instrumentOptions(inflightBatches))
    this.#paused = meter.createObservableUpDownCounter(executorPaused.name, instrumentOptions(executorPaused))
    this.#outages = meter.createObservableCounter(executorOutages.name, instrumentOptions(executorOutages))
    const observed = [this.#queueLength, this.#concurrency, this.#inflight, this.#paused, this.#outages]
    meter.addBatchObservableCallback((result) => this.#observe(result), observed)
  }

  add(flow: LiveFlow): void {
    this.#executorCell(flow.common)
    this.#flows.add(flow)
  }

  /** Outages since the last collection are still counted. */
  delete(flow: LiveFlow): void {
    if (this.#flows.delete(flow)) this.#guard.run(() => this.#executorCell(flow.common).count(flow.probe.executor))
  }

  /** Makes the table's queue length appear, even when its flow is closed before the first collection. */
  announce(attributes: Attributes): void {
    this.#queueCell(attributes)
  }

  #observe(result: BatchObservableResult): void {
    for (const cell of this.#queues.values()) cell.rows = 0
    for (const cell of this.#executors.values()) cell.clear()
    for (const flow of this.#flows) this.#guard.run(() => this.#sum(flow)) // the others are still told
    for (const { attributes, rows } of this.#queues.values()) observe(result, this.#queueLength, rows, attributes)
    for (const cell of this.#executors.values()) this.#observeExecutors(result, cell)
  }

  #observeExecutors(result: BatchObservableResult, cell: ExecutorCell): void {
    const { attributes } = cell
    observe(result, this.#concurrency, cell.concurrency, attributes)
    observe(result, this.#inflight, cell.inflight, attributes)
    observe(result, this.#paused, cell.paused, attributes)
    for (const count of cell.outages.values()) observe(result, this.#outages, count.begun, count.attributes)
  }

  #sum(flow: LiveFlow): void {
    this.#executorCell(flow.common).add(flow.probe.executor)
    for (const [table, rows] of flow.probe.queueLengths()) this.#queueCell(flow.attributesOf(table)).rows += rows
  }

  #queueCell(attributes: Attributes): QueueCell {
    return cellOf(this.#queues, attributes, () => ({ attributes, rows: 0 }))
  }

  #executorCell(attributes: Attributes): ExecutorCell {
    return cellOf(this.#executors, attributes, () => new ExecutorCell(attributes, this.#reasons))
  }
}

function cellOf<Cell>(cells: Map<string, Cell>, attributes: Attributes, create: () => Cell): Cell {
  const key = JSON.stringify(Object.values(attributes))
  const known = cells.get(key)
  if (known !== undefined) return known
  const cell = create()
  cells.set(key, cell)
  return cell
}

function observe(result: BatchObservableResult, instrument: Observable, value: number, attributes: Attributes): void {
  if (Number.isFinite(value)) result.observe(instrument, value, attributes)
}
