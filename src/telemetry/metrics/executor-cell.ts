import type { Attributes } from '@opentelemetry/api'
import type { ExecutorProbe } from '../../contract/metrics-reporter.ts'
import type { Reason } from '../../contract/reasons.ts'
import { ATTR } from './catalogue.ts'
import type { Count, Counters } from './counters.ts'
import type { LabelCap } from './label-cap.ts'

/** The executors of one set of attributes. */
export class ExecutorCell {
  readonly attributes: Attributes
  readonly #counters: Counters
  readonly #reasons: LabelCap
  /** A set: flows that share an executor show the same probe, which counts once. */
  readonly #executors = new Set<ExecutorProbe>()
  /** What was counted of each executor, which a later flow may bring again. */
  readonly #counted = new WeakMap<ExecutorProbe, Map<Reason, number>>()

  constructor(attributes: Attributes, counters: Counters, reasons: LabelCap) {
    this.attributes = attributes
    this.#counters = counters
    this.#reasons = reasons
  }

  /** Sum of the limits; 0, which is unlimited, as soon as one of them is. */
  get concurrency(): number {
    let total = 0
    for (const { concurrencyLimit } of this.#executors) {
      if (concurrencyLimit === 0) return 0
      total += concurrencyLimit
    }
    return total
  }

  get inflight(): number {
    let total = 0
    for (const { inflight } of this.#executors) total += inflight
    return total
  }

  /** Sum of the limits, those that have none left out. */
  get slots(): number {
    let total = 0
    for (const { concurrencyLimit } of this.#executors) total += concurrencyLimit
    return total
  }

  /** How many of those are taken. */
  get slotsUsed(): number {
    let total = 0
    for (const { concurrencyLimit, inflight } of this.#executors) if (concurrencyLimit > 0) total += inflight
    return total
  }

  /** An outage without batches is one whose end nobody has looked for. */
  get paused(): number {
    let total = 0
    for (const { outage, inflight } of this.#executors) if (outage !== undefined && inflight > 0) total++
    return total
  }

  clear(): void {
    this.#executors.clear()
  }

  add(executor: ExecutorProbe): void {
    this.#executors.add(executor)
    this.count(executor)
  }

  /** Counts the outages of `executor` that are new since it was counted last. */
  count(executor: ExecutorProbe): void {
    if (executor.outages.size === 0) return
    const counted = this.#counted.get(executor) ?? new Map<Reason, number>()
    this.#counted.set(executor, counted)
    for (const [reason, begun] of executor.outages) {
      this.#countOf(reason).add(begun - (counted.get(reason) ?? 0))
      counted.set(reason, begun)
    }
  }

  #countOf(reason: Reason): Count {
    return this.#counters.of('executorOutages', { ...this.attributes, [ATTR.reason]: this.#reasons.admit(reason) })
  }
}
