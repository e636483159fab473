import type { Attributes, Context } from '@opentelemetry/api'
import type { FlushTrigger, RejectReason, Status, TableMetrics } from '../../contract/metrics-reporter.ts'
import type { Reason } from '../../contract/reasons.ts'
import { ATTR } from './catalogue.ts'
import type { ObserveAttempt } from './client-duration.ts'
import type { Count, CounterName } from './counters.ts'
import { type ExemplarStore, exemplarStore } from './exemplars.ts'
import type { Instruments } from './instruments.ts'
import type { SharedMeter } from './shared-meter.ts'
import type { TableCell } from './table-cell.ts'

type ByStatus<Value> = Readonly<Record<Status, Value>>
type CountOf<Label> = (label: Label) => Count

/**
 * Records one table of one flow. Every set of attributes is built once, on first use: what is recorded allocates nothing
 * here, and what is counted is added to a number.
 */
export class TableRecorder implements TableMetrics {
  readonly observeAttemptDuration: ObserveAttempt
  readonly #to: Instruments
  readonly #exemplars: ExemplarStore = exemplarStore()
  readonly #cell: TableCell
  readonly #base: Attributes
  readonly #status: ByStatus<Attributes>
  readonly #failed: (reason: Reason) => Attributes
  readonly #batches: ByStatus<Count>
  readonly #records: ByStatus<Count>
  readonly #errors: Readonly<Record<'retry' | 'final', CountOf<Reason>>>
  readonly #rejected: CountOf<RejectReason>
  readonly #flushes: CountOf<FlushTrigger>
  readonly #coalesced: CountOf<string>
  readonly #deadLetters: CountOf<Reason>
  #superseded: Count | undefined
  #deleted: Count | undefined
  #sentBytes: Count | undefined
  readonly #shared: SharedMeter

  constructor(shared: SharedMeter, cell: TableCell, attempts?: ObserveAttempt) {
    const base = cell.attributes
    const failure = (kind: string) =>
      this.#capped('errors', (reason) => ({ [ATTR.type]: `${kind}:${reason}`, [ATTR.errorType]: reason }))
    this.observeAttemptDuration = attempts ?? (() => {})
    this.#shared = shared
    this.#to = shared.instruments
    this.#cell = cell
    this.#base = base
    this.#status = { success: { ...base, [ATTR.status]: 'success' }, fail: { ...base, [ATTR.status]: 'fail' } }
    const failed = memo((reason) => ({ ...this.#status.fail, [ATTR.errorType]: reason }))
    this.#failed = (reason) => failed(shared.reasons.admit(reason))
    this.#batches = this.#byStatus('batches')
    this.#records = this.#byStatus('records')
    this.#errors = { retry: failure('retry'), final: failure('final') }
    this.#rejected = this.#series('submitRejected', (reason) => ({ [ATTR.reason]: reason }))
    this.#flushes = this.#series('flushes', (trigger) => ({ [ATTR.trigger]: trigger }))
    this.#coalesced = this.#series('coalescedRecords', (strategy) => ({ [ATTR.strategy]: strategy }))
    this.#deadLetters = this.#capped('deadLetters', (reason) => ({ [ATTR.reason]: reason }))
  }

  observeEnqueueLatency(seconds: number): void {
    this.#to.enqueueLatency(seconds, this.#base)
  }

  observeDequeueLatency(seconds: number): void {
    this.#to.dequeueLatency(seconds, this.#base)
  }

  observeAssembleDuration(seconds: number): void {
    this.#to.assembleDuration(seconds, this.#base)
  }

  observeExecuteDuration(seconds: number, status: Status, reason?: Reason, batch?: Context): void {
    const failed = status === 'fail' && reason !== undefined
    const attributes = failed ? this.#failed(reason) : this.#status[status]
    this.#to.executeDuration(seconds, attributes, batch)
    if (batch !== undefined) this.#exemplars.note(seconds, attributes, batch)
  }

  observeProcessDuration(seconds: number, status: Status): void {
    this.#to.processDuration(seconds, this.#status[status])
  }

  observeBatchSize(rows: number): void {
    this.#to.batchSize(rows, this.#base)
  }

  countBatch(status: Status): void {
    this.#batches[status].add(1)
  }

  countRecords(status: Status, rows: number): void {
    this.#records[status].add(rows)
  }

  countError(kind: 'retry' | 'final', reason: Reason): void {
    this.#errors[kind](reason).add(1)
  }

  countRejected(reason: RejectReason, rows: number): void {
    this.#rejected(reason).add(rows)
  }

  countFlush(trigger: FlushTrigger): void {
    this.#flushes(trigger).add(1)
  }

  countCoalesced(strategy: 'ignore' | 'update' | 'replace', rows: number): void {
    this.#coalesced(strategy).add(rows)
  }

  countDeadLetters(reason: Reason, rows: number): void {
    this.#deadLetters(reason).add(rows)
  }

  countAccepted(rows: number): void {
    this.#cell.leave(rows)
  }

  countSuperseded(rows: number): void {
    this.#superseded ??= this.#shared.counters.of('supersededRecords', this.#base)
    this.#superseded.add(rows)
  }

  countDeleted(rows: number): void {
    this.#deleted ??= this.#shared.counters.of('deletedRecords', this.#base)
    this.#deleted.add(rows)
  }

  countSentBytes(bytes: number): void {
    this.#sentBytes ??= this.#shared.counters.of('sentBytes', this.#base)
    this.#sentBytes.add(bytes)
  }

  /** Both at once: `rate()` sees no increase in a series that begins at 1, so the first failure would be missing. */
  #byStatus(counter: CounterName): ByStatus<Count> {
    const { counters } = this.#shared
    return { success: counters.of(counter, this.#status.success), fail: counters.of(counter, this.#status.fail) }
  }

  #series<Label extends string>(counter: CounterName, extend: (label: Label) => Attributes): CountOf<Label> {
    return memo((label) => this.#shared.counters.of(counter, { ...this.#base, ...extend(label) }))
  }

  #capped(counter: CounterName, extend: (reason: string) => Attributes): CountOf<Reason> {
    const series = this.#series(counter, extend)
    return (reason) => series(this.#shared.reasons.admit(reason))
  }
}

function memo<Key extends string, Value>(build: (key: Key) => Value): (key: Key) => Value {
  const built = new Map<Key, Value>()
  return (key) => {
    const known = built.get(key)
    if (known !== undefined) return known
    const value = build(key)
    built.set(key, value)
    return value
  }
}
