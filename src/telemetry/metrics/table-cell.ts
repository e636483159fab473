import type { Attributes } from '@opentelemetry/api'
import type { TableProbe } from '../../contract/metrics-reporter.ts'
import type { Count } from './counters.ts'

/** The tables of one set of attributes, of all flows. */
export class TableCell {
  readonly attributes: Attributes
  queued = 0
  inFlight = 0
  batches = 0
  /** In seconds. */
  oldestAge = 0
  /** Rows that have left their lane: they are settled, or in flight where somebody reports. */
  #left = 0
  readonly #accepted: Count

  /** @param accepted counts the rows accepted */
  constructor(accepted: Count) {
    this.attributes = accepted.attributes
    this.#accepted = accepted
  }

  get unsettled(): number {
    return this.queued + this.inFlight
  }

  clear(): void {
    this.queued = this.inFlight = this.batches = this.oldestAge = 0
  }

  add({ queued, inFlight, batches, oldestAge = 0 }: TableProbe): void {
    this.queued += queued
    this.inFlight += inFlight
    this.batches += batches
    this.oldestAge = Math.max(this.oldestAge, oldestAge)
  }

  /** All flows are added. The rows a reporter leaves unsettled behind make up for as many later ones: a counter never falls. */
  count(): void {
    this.#accepted.raise(this.#left + this.queued)
  }

  /** So many rows have left their lane. */
  leave(rows: number): void {
    if (Number.isFinite(rows)) this.#left += rows
  }

  /** The rows in flight of a flow whose reporter comes are settled under its eyes, though they were not seen leaving. */
  come({ inFlight }: TableProbe): void {
    this.#left += inFlight
  }

  /** Nobody will hear what becomes of those in flight; those that wait have been accepted nevertheless. */
  go({ queued, inFlight }: TableProbe): void {
    this.#accepted.raise(this.#left + queued)
    this.#left -= inFlight
  }
}
