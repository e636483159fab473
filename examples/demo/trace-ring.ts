import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base'

/** The latest spans, by trace. Of what is beyond the limit, the trace goes first that has been without a new span longest. */
export class TraceRing implements SpanProcessor {
  readonly #limit: number
  readonly #traces = new Map<string, ReadableSpan[]>()
  #spans = 0

  /** @param limit spans kept; one trace alone may have more */
  constructor(limit = 4_000) {
    this.#limit = limit
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    const { traceId } = span.spanContext()
    const spans = this.#traces.get(traceId) ?? []
    spans.push(span)
    this.#traces.delete(traceId) // back to the end of the queue
    this.#traces.set(traceId, spans)
    this.#spans++
    while (this.#spans > this.#limit && this.#traces.size > 1) this.#forgetOldest()
  }

  /** Spans of the trace, in the order they ended. */
  find(traceId: string): readonly ReadableSpan[] | undefined {
    return this.#traces.get(traceId)
  }

  /** The newest first. */
  latest(count: number): (readonly ReadableSpan[])[] {
    return [...this.#traces.values()].reverse().slice(0, count)
  }

  /** Spans of other traces that link to this one. */
  linking(traceId: string): ReadableSpan[] {
    const others = [...this.#traces].filter(([id]) => id !== traceId).flatMap(([, spans]) => spans)
    return others.filter(({ links }) => links.some((link) => link.context.traceId === traceId))
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}

  #forgetOldest(): void {
    const [oldest] = this.#traces
    if (oldest === undefined) return
    const [traceId, spans] = oldest
    this.#traces.delete(traceId)
    this.#spans -= spans.length
  }
}
