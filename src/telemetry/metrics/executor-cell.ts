import type { Attributes } from '@opentelemetry/api'
import type { ExecutorProbe } from '../../contract/metrics-reporter.ts'
import type { Reason } from '../../contract/reasons.ts'
import { ATTR } from './catalogue.ts'
import type { LabelCap } from './label-cap.ts'

/** Outages of one reason. */
export interface OutageCount {
  readonly attributes: Attributes
  begun: number
}

/** The executors of one set of attributes. */
export class ExecutorCell {
  readonly attributes: Attributes
  /** By label of the reason. They outlive flows and executors. */
  readonly outages = new Map<string, OutageCount>()
  readonly #reasons: LabelCap
  /** A set: flows that share an executor show the same probe, which counts once. */
  readonly #executors = new Set<ExecutorProbe>()
  /** What is in `outages` of each executor, which a later flow may bring again. */
  readonly #counted = new WeakMap<ExecutorProbe, Map<Reason, number>>()

  constructor(attributes: Attributes, reasons: LabelCap) {
    this.attributes = attributes
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
      this.#countOf(reason).begun += begun - (counted.get(reason) ?? 0)
      counted.set(reason, begun)
    }
  }

  #countOf(reason: Reason): OutageCount {
    const label = this.#reasons.admit(reason)
    const known = this.outages.get(label)
    if (known !== undefined) return known
    const count = { attributes: { ...this.attributes, [ATTR.reason]: label }, begun: 0 }
    this.outages.set(label, count)
    return count
  }
}
