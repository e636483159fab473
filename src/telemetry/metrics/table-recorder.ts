import type { Attributes, Context } from '@opentelemetry/api'
import type { FlushTrigger, RejectReason, Status, TableMetrics } from '../../contract/metrics-reporter.ts'
import type { Reason } from '../../contract/reasons.ts'
import { ATTR } from './catalogue.ts'
import type { ObserveAttempt } from './client-duration.ts'
import { type ExemplarStore, exemplarStore } from './exemplars.ts'
import type { Instruments } from './instruments.ts'
import type { LabelCap } from './label-cap.ts'

/**
 * Records one table of one flow. Every set of attributes is built once, on first use, and given to the meter again and
 * again: a record allocates nothing here.
 */
export class TableRecorder implements TableMetrics {
  readonly observeAttemptDuration: ObserveAttempt
  readonly #to: Instruments
  readonly #exemplars: ExemplarStore = exemplarStore()
  readonly #base: Attributes
  readonly #status: Record<Status, Attributes>
  readonly #failed: (reason: Reason) => Attributes
  readonly #retry: (reason: Reason) => Attributes
  readonly #final: (reason: Reason) => Attributes
  readonly #reason: (reason: Reason) => Attributes
  readonly #trigger: (trigger: FlushTrigger) => Attributes
  readonly #strategy: (strategy: string) => Attributes

  constructor(instruments: Instruments, base: Attributes, reasons: LabelCap, attempts?: ObserveAttempt) {
    this.observeAttemptDuration = attempts ?? (() => {})
    const capped = (extend: (reason: string) => Attributes) => {
      const extended = memo((label) => ({ ...base, ...extend(label) }))
      return (reason: Reason) => extended(reasons.admit(reason))
    }
    const failure = (kind: string) =>
      capped((reason) => ({ [ATTR.type]: `${kind}:${reason}`, [ATTR.errorType]: reason }))
    this.#to = instruments
    this.#base = base
    this.#status = { success: { ...base, [ATTR.status]: 'success' }, fail: { ...base, [ATTR.status]: 'fail' } }
    this.#failed = capped((reason) => ({ [ATTR.status]: 'fail', [ATTR.errorType]: reason }))
    this.#retry = failure('retry')
    this.#final = failure('final')
    this.#reason = capped((reason) => ({ [ATTR.reason]: reason }))
    this.#trigger = memo((trigger) => ({ ...base, [ATTR.trigger]: trigger }))
    this.#strategy = memo((strategy) => ({ ...base, [ATTR.strategy]: strategy }))
    this.#startAtZero()
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
    this.#to.batches(1, this.#status[status])
  }

  countRecords(status: Status, rows: number): void {
    this.#to.records(rows, this.#status[status])
  }

  countError(kind: 'retry' | 'final', reason: Reason): void {
    this.#to.errors(1, kind === 'retry' ? this.#retry(reason) : this.#final(reason))
  }

  countRejected(reason: RejectReason, rows: number): void {
    this.#to.submitRejected(rows, this.#reason(reason))
  }

  countFlush(trigger: FlushTrigger): void {
    this.#to.flushes(1, this.#trigger(trigger))
  }

  countCoalesced(strategy: 'ignore' | 'update' | 'replace', rows: number): void {
    this.#to.coalescedRecords(rows, this.#strategy(strategy))
  }

  countDeadLetters(reason: Reason, rows: number): void {
    this.#to.deadLetters(rows, this.#reason(reason))
  }

  /** `rate()` sees no increase in a series that begins at 1, so the first failure would be missing from every ratio. */
  #startAtZero(): void {
    for (const attributes of Object.values(this.#status)) {
      this.#to.batches(0, attributes)
      this.#to.records(0, attributes)
    }
  }
}

function memo<Key extends string>(build: (key: Key) => Attributes): (key: Key) => Attributes {
  const built = new Map<Key, Attributes>()
  return (key) => {
    const known = built.get(key)
    if (known !== undefined) return known
    const attributes = build(key)
    built.set(key, attributes)
    return attributes
  }
}
