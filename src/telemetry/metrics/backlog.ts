import type { Attributes, Context, Histogram } from '@opentelemetry/api'
import type { Guard } from '../../support/guard.ts'

/** Values that are kept before all are recorded. */
const MOST = 64

/**
 * Values on their way into histograms. The SDK sorts and stringifies the attributes of every value: some 2 µs, or 12 to 15
 * between a batch and its next step, where nothing of its code is in the processor's caches. So they are recorded many at a
 * time, and whatever is left when somebody collects.
 */
export class Backlog {
  readonly #guard: Guard
  readonly #histograms: Histogram[] = []
  readonly #values = new Float64Array(MOST)
  readonly #attributes: Attributes[] = []
  readonly #contexts: Context[] = []

  constructor(guard: Guard) {
    this.#guard = guard
  }

  /** Keeps a value for later. */
  note(histogram: Histogram, value: number, attributes: Attributes, context: Context): void {
    const size = this.#histograms.push(histogram)
    this.#values[size - 1] = value
    this.#attributes.push(attributes)
    this.#contexts.push(context)
    if (size === MOST) this.drain()
  }

  /** Records what was kept. */
  drain(): void {
    const size = this.#histograms.length
    for (let i = 0; i < size; i++) {
      this.record(this.#histograms[i]!, this.#values[i]!, this.#attributes[i]!, this.#contexts[i]!)
    }
    this.#histograms.length = this.#attributes.length = this.#contexts.length = 0
  }

  record(histogram: Histogram, value: number, attributes: Attributes, context: Context): void {
    try {
      histogram.record(value, attributes, context)
    } catch (error) {
      this.#guard.tell(error)
    }
  }
}
