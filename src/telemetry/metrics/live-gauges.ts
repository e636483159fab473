import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api'
import type { FlowProbe } from '../../contract/metrics-reporter.ts'
import type { Guard } from '../../support/guard.ts'
import { ADAPTIVE_METRICS } from './adaptive-catalogue.ts'
import { AdaptiveCell } from './adaptive-cell.ts'
import { METRICS, type MetricSpec } from './catalogue.ts'
import { cellOf } from './cells.ts'
import type { Counters } from './counters.ts'
import { ExecutorCell } from './executor-cell.ts'
import { instrumentOptions } from './instruments.ts'
import type { LabelCap } from './label-cap.ts'
import { SOURCE_METRICS } from './source-catalogue.ts'
import { SourceCells } from './source-cells.ts'
import { TableCell } from './table-cell.ts'

/** A flow whose state is read at each collection. */
export interface LiveFlow {
  readonly probe: FlowProbe
  /** Attributes of what belongs to the executor: no table. */
  readonly common: Attributes
  /** Where this table of it is added up. */
  cellOf(table: string): TableCell
}

/**
 * What is seen of the live flows of all reporters on one meter, as sums by attributes. A set of attributes goes on being
 * observed, with 0, after the last flow that had it was closed: the SDK would export its last value for ever.
 */
export class LiveGauges {
  readonly #guard: Guard
  readonly #counters: Counters
  readonly #reasons: LabelCap
  readonly #flows = new Set<LiveFlow>()
  readonly #tables = new Map<string, TableCell>()
  readonly #executors = new Map<string, ExecutorCell>()
  readonly #adaptive = new Map<string, AdaptiveCell>()
  readonly #sources: SourceCells
  readonly #observed: ReturnType<typeof createObserved>

  constructor(meter: Meter, guard: Guard, counters: Counters, reasons: LabelCap) {
    this.#guard = guard
    this.#counters = counters
    this.#reasons = reasons
    this.#sources = new SourceCells(counters)
    this.#observed = createObserved(meter)
  }

  get instruments(): Observable[] {
    return Object.values(this.#observed)
  }

  add(flow: LiveFlow): void {
    this.#executorCell(flow.common)
    this.#flows.add(flow)
    this.#guard.run(() => {
      for (const table of flow.probe.tables()) flow.cellOf(table.table).come(table)
    })
  }

  /** Outages since the last collection are still counted. */
  delete(flow: LiveFlow): void {
    if (!this.#flows.delete(flow)) return
    this.#guard.run(() => {
      this.#executorCell(flow.common).count(flow.probe.executor)
      const source = flow.probe.source?.()
      if (source !== undefined) this.#sources.count(source, flow.common)
      for (const table of flow.probe.tables()) flow.cellOf(table.table).go(table)
    })
  }

  /** The cell of these attributes; it is exported from then on. */
  tableCell(attributes: Attributes): TableCell {
    return cellOf(this.#tables, attributes, () => {
      return new TableCell(this.#counters.of('acceptedRecords', attributes))
    })
  }

  observe(result: BatchObservableResult): void {
    for (const cell of this.#tables.values()) cell.clear()
    for (const cell of this.#executors.values()) cell.clear()
    for (const cell of this.#adaptive.values()) cell.clear()
    this.#sources.clear()
    for (const flow of this.#flows) this.#guard.run(() => this.#sum(flow)) // the others are still told
    for (const cell of this.#tables.values()) this.#observeTable(result, cell)
    for (const cell of this.#executors.values()) this.#observeExecutors(result, cell)
    for (const cell of this.#adaptive.values()) this.#observeAdaptive(result, cell)
    this.#observeSources(result)
  }

  #observeSources(result: BatchObservableResult): void {
    const { sourcePartitions, sourceLag, sourceLagSeconds } = this.#observed
    for (const { partitions, attributes } of this.#sources.sources) {
      observe(result, sourcePartitions, partitions, attributes)
    }
    for (const { messages, seconds, attributes } of this.#sources.lags) {
      observe(result, sourceLag, messages, attributes)
      observe(result, sourceLagSeconds, seconds, attributes)
    }
  }

  #observeTable(result: BatchObservableResult, cell: TableCell): void {
    cell.count()
    const { attributes } = cell
    const { queueLength, unsettledRecords, oldestRecordAge, tableInflightBatches } = this.#observed
    observe(result, queueLength, cell.queued, attributes)
    observe(result, unsettledRecords, cell.unsettled, attributes)
    observe(result, oldestRecordAge, cell.oldestAge, attributes)
    observe(result, tableInflightBatches, cell.batches, attributes)
  }

  #observeExecutors(result: BatchObservableResult, cell: ExecutorCell): void {
    const { attributes } = cell
    observe(result, this.#observed.executorConcurrency, cell.concurrency, attributes)
    observe(result, this.#observed.inflightBatches, cell.inflight, attributes)
    observe(result, this.#observed.executorSlots, cell.slots, attributes)
    observe(result, this.#observed.executorSlotsUsed, cell.slotsUsed, attributes)
    observe(result, this.#observed.executorPaused, cell.paused, attributes)
  }

  #observeAdaptive(result: BatchObservableResult, { flushSize, concurrency, attributes }: AdaptiveCell): void {
    observe(result, this.#observed.adaptiveFlushSize, flushSize, attributes)
    observe(result, this.#observed.adaptiveConcurrency, concurrency, attributes)
  }

  #sum(flow: LiveFlow): void {
    this.#executorCell(flow.common).add(flow.probe.executor)
    const { adaptive } = flow.probe
    if (adaptive !== undefined) this.#adaptiveCell(flow.common).add(adaptive)
    for (const table of flow.probe.tables()) flow.cellOf(table.table).add(table)
    const source = flow.probe.source?.()
    if (source !== undefined) this.#sources.add(source, flow.common)
  }

  #adaptiveCell(attributes: Attributes): AdaptiveCell {
    return cellOf(this.#adaptive, attributes, () => new AdaptiveCell(attributes))
  }

  #executorCell(attributes: Attributes): ExecutorCell {
    return cellOf(this.#executors, attributes, () => new ExecutorCell(attributes, this.#counters, this.#reasons))
  }
}

function createObserved(meter: Meter) {
  const upDownCounter = (spec: MetricSpec) => meter.createObservableUpDownCounter(spec.name, instrumentOptions(spec))
  const gauge = (spec: MetricSpec) => meter.createObservableGauge(spec.name, instrumentOptions(spec))
  return {
    queueLength: upDownCounter(METRICS.queueLength),
    unsettledRecords: upDownCounter(METRICS.unsettledRecords),
    oldestRecordAge: gauge(METRICS.oldestRecordAge),
    tableInflightBatches: upDownCounter(METRICS.tableInflightBatches),
    executorConcurrency: gauge(METRICS.executorConcurrency),
    inflightBatches: upDownCounter(METRICS.inflightBatches),
    executorSlots: upDownCounter(METRICS.executorSlots),
    executorSlotsUsed: upDownCounter(METRICS.executorSlotsUsed),
    executorPaused: upDownCounter(METRICS.executorPaused),
    adaptiveFlushSize: gauge(ADAPTIVE_METRICS.adaptiveFlushSize),
    adaptiveConcurrency: upDownCounter(ADAPTIVE_METRICS.adaptiveConcurrency),
    sourcePartitions: upDownCounter(SOURCE_METRICS.sourcePartitions),
    sourceLag: upDownCounter(SOURCE_METRICS.sourceLag),
    sourceLagSeconds: gauge(SOURCE_METRICS.sourceLagSeconds),
  } as const
}

function observe(result: BatchObservableResult, instrument: Observable, value: number, attributes: Attributes): void {
  if (Number.isFinite(value)) result.observe(instrument, value, attributes)
}
