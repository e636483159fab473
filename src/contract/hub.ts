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

/** Where flows and an instrumentation find each other, whichever comes first. */
export class Hub {
  #observer: Observer | undefined
  /** Weak, so that a flow nobody closed can still be collected. */
  readonly #flows = new Set<WeakRef<Observable>>()
  readonly #references = new WeakMap<Observable, WeakRef<Observable>>()
  readonly #collected = new FinalizationRegistry<WeakRef<Observable>>((reference) => this.#flows.delete(reference))

  join(flow: Observable): void {
    const reference = new WeakRef(flow)
    this.#flows.add(reference)
    this.#references.set(flow, reference)
    this.#collected.register(flow, reference)
    if (this.#observer !== undefined) flow.observe(this.#observer)
  }

  leave(flow: Observable): void {
    const reference = this.#references.get(flow)
    if (reference !== undefined) this.#flows.delete(reference)
  }

  /** `undefined` ends the observation. */
  observe(observer: Observer | undefined): void {
    this.#observer = observer
    for (const reference of this.#flows) reference.deref()?.observe(observer)
  }
}

/** One per process: the CommonJS and the ESM copy of this package share it. */
const KEY = Symbol.for('batchflow-otel.hub.1')
const globals = globalThis as { [KEY]?: Hub }
globals[KEY] ??= new Hub()
export const hub: Hub = globals[KEY]
