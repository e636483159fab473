import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api'
import type { ExecutorProbe, FlowProbe } from '../../contract/metrics-reporter.ts'
import type { Guard } from '../../support/guard.ts'
import { METRICS } from './catalogue.ts'
import { instrumentOptions } from './instruments.ts'

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

interface ExecutorCell {
  readonly attributes: Attributes
  /** A set: flows that share an executor show the same probe, which counts once. */
  readonly executors: Set<ExecutorProbe>
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
  readonly #flows = new Set<LiveFlow>()
  readonly #queues = new Map<string, QueueCell>()
  readonly #executors = new Map<string, ExecutorCell>()
  readonly #queueLength: Observable
  readonly #concurrency: Observable
  readonly #inflight: Observable

  constructor(meter: Meter, guard: Guard) {
    const { queueLength, executorConcurrency, inflightBatches } = METRICS
    this.#guard = guard
    this.#queueLength = meter.createObservableUpDownCounter(queueLength.name, instrumentOptions(queueLength))
    this.#concurrency = meter.createObservableGauge(executorConcurrency.name, instrumentOptions(executorConcurrency))
    this.#inflight = meter.createObservableUpDownCounter(inflightBatches.name, instrumentOptions(inflightBatches))
    const observed = [this.#queueLength, this.#concurrency, this.#inflight]
    meter.addBatchObservableCallback((result) => this.#observe(result), observed)
  }

  add(flow: LiveFlow): void {
    this.#executorCell(flow.common)
    this.#flows.add(flow)
  }

  delete(flow: LiveFlow): void {
    this.#flows.delete(flow)
  }

  /** Makes the table's queue length appear, even when its flow is closed before the first collection. */
  announce(attributes: Attributes): void {
    this.#queueCell(attributes)
  }

  #observe(result: BatchObservableResult): void {
    for (const cell of this.#queues.values()) cell.rows = 0
    for (const cell of this.#executors.values()) cell.executors.clear()
    for (const flow of this.#flows) this.#guard.run(() => this.#sum(flow)) // the others are still told
    for (const { attributes, rows } of this.#queues.values()) observe(result, this.#queueLength, rows, attributes)
    for (const { attributes, executors } of this.#executors.values()) {
      observe(result, this.#concurrency, totalConcurrency(executors), attributes)
      observe(result, this.#inflight, totalInflight(executors), attributes)
    }
  }

  #sum(flow: LiveFlow): void {
    this.#executorCell(flow.common).executors.add(flow.probe.executor)
    for (const [table, rows] of flow.probe.queueLengths()) this.#queueCell(flow.attributesOf(table)).rows += rows
  }

  #queueCell(attributes: Attributes): QueueCell {
    return cellOf(this.#queues, attributes, () => ({ attributes, rows: 0 }))
  }

  #executorCell(attributes: Attributes): ExecutorCell {
    return cellOf(this.#executors, attributes, () => ({ attributes, executors: new Set() }))
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

/** Sum of the limits; 0, which is unlimited, as soon as one of them is. */
function totalConcurrency(executors: ReadonlySet<ExecutorProbe>): number {
  let total = 0
  for (const { concurrencyLimit } of executors) {
    if (concurrencyLimit === 0) return 0
    total += concurrencyLimit
  }
  return total
}

function totalInflight(executors: ReadonlySet<ExecutorProbe>): number {
  let total = 0
  for (const { inflight } of executors) total += inflight
  return total
}

function observe(result: BatchObservableResult, instrument: Observable, value: number, attributes: Attributes): void {
  if (Number.isFinite(value)) result.observe(instrument, value, attributes)
}
