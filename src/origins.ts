import type { SpanContext } from '@opentelemetry/api'

/** Where the rows of a batch came from. */
export class Origins {
  /** Neighbours are distinct objects; the same context may come again later. */
  readonly contexts: SpanContext[] = []
  /** Rows came from outside of any span. */
  orphans = false
  #last: SpanContext | undefined

  add(context: SpanContext | undefined): void {
    if (context === undefined) this.orphans = true
    else if (context !== this.#last) {
      this.#last = context
      this.contexts.push(context)
    }
  }

  addAll(other: Origins): void {
    this.orphans ||= other.orphans
    for (const context of other.contexts) this.add(context)
  }
}
