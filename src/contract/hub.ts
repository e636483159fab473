import { WeakCollection } from '../support/weak-collection.ts'
import type { MetricsReporter } from './metrics-reporter.ts'
import type { Tracing } from './tracing.ts'

/** Who reports for flows that nobody gave a reporter or tracing of their own. */
export interface Observer {
  readonly reporter: MetricsReporter | undefined
  readonly tracing: Tracing | undefined
}

/** A flow that can be observed, and stop being observed, while it runs. */
export interface Observable {
  observe(observer: Observer | undefined): void
}

/** The meeting place of flows and those who observe them, whichever comes first. */
export class Hub {
  /** Keyed by who brought them. The last one observes; the others wait for it to leave. */
  readonly #observers = new Map<object, Observer>()
  #current: Observer | undefined
  /** Weak, so that a flow nobody closed can still be collected. */
  readonly #flows = new WeakCollection<Observable>()

  /** `flow` is observed from now on, by whoever is there or comes. */
  join(flow: Observable): void {
    this.#flows.add(flow)
    if (this.#current !== undefined) flow.observe(this.#current)
  }

  leave(flow: Observable): void {
    this.#flows.delete(flow)
  }

  /** `by` brings an observer, or another in place of the one it brought before. */
  observe(by: object, observer: Observer): void {
    this.#observers.set(by, observer)
    this.#change()
  }

  /** The observer that `by` brought goes, and the one before it has its turn again. */
  unobserve(by: object): void {
    if (this.#observers.delete(by)) this.#change()
  }

  #change(): void {
    const current = [...this.#observers.values()].at(-1)
    if (current === this.#current) return
    this.#current = current
    for (const flow of this.#flows) flow.observe(current)
  }
}

/** One per process: the CommonJS and the ESM copy of this package share it. */
const KEY = Symbol.for('batchflow-otel.hub.2')
const globals = globalThis as { [KEY]?: Hub }
globals[KEY] ??= new Hub()
export const hub: Hub = globals[KEY]
