import { type AttributeValue, type HrTime, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import type { TraceRing } from './trace-ring.ts'

const LATEST = 20

/** One trace in the list. */
export interface TraceLine {
  readonly url: string
  readonly name: string
  readonly start: string
  readonly spans: number
}

export interface TracePage {
  readonly traceId: string
  /** The root, then the others in the order they began. */
  readonly spans: readonly SpanView[]
  /** Spans of other traces that link to this one. */
  readonly linkedFrom: readonly LinkView[]
}

export interface SpanView {
  readonly name: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly kind: string
  readonly start: string
  readonly milliseconds: number
  readonly status: string
  readonly statusMessage: string | undefined
  readonly attributes: Readonly<Record<string, AttributeValue | undefined>>
  readonly events: readonly { readonly name: string; readonly attributes: object | undefined }[]
  readonly links: readonly LinkView[]
}

export interface LinkView {
  readonly traceId: string
  readonly spanId: string
  /** Of the trace's page; absent where it is not kept. */
  readonly url: string | undefined
}

/** Traces as JSON. */
export class TracePages {
  readonly #ring: TraceRing
  /** Of the list: `http://127.0.0.1:9464/traces`. */
  readonly #url: string

  constructor(ring: TraceRing, url: string) {
    this.#ring = ring
    this.#url = url
  }

  list(): TraceLine[] {
    return this.#ring.latest(LATEST).map((spans) => {
      const [root] = spans.toSorted(rootFirst)
      const { traceId } = root!.spanContext()
      return { url: this.#urlOf(traceId), name: root!.name, start: timeOf(root!.startTime), spans: spans.length }
    })
  }

  /** `undefined`: there is no such trace, or not any more. */
  show(traceId: string): TracePage | undefined {
    const spans = this.#ring.find(traceId)
    if (spans === undefined) return undefined
    return {
      traceId,
      spans: spans.toSorted(rootFirst).map((span) => this.#view(span)),
      linkedFrom: this.#ring.linking(traceId).map((span) => this.#link(span.spanContext())),
    }
  }

  #view(span: ReadableSpan): SpanView {
    const { name, kind, status, attributes, events, links } = span
    return {
      name,
      spanId: span.spanContext().spanId,
      parentSpanId: span.parentSpanContext?.spanId,
      kind: SpanKind[kind],
      start: timeOf(span.startTime),
      milliseconds: millisecondsOf(span.duration),
      status: SpanStatusCode[status.code],
      statusMessage: status.message,
      attributes,
      events: events.map((event) => ({ name: event.name, attributes: event.attributes })),
      links: links.map((link) => this.#link(link.context)),
    }
  }

  #link({ traceId, spanId }: { traceId: string; spanId: string }): LinkView {
    return { traceId, spanId, url: this.#ring.find(traceId) && this.#urlOf(traceId) }
  }

  #urlOf(traceId: string): string {
    return `${this.#url}/${traceId}`
  }
}

/** By start alone, a child may come first: the SDK takes its times from two clocks. */
function rootFirst(a: ReadableSpan, b: ReadableSpan): number {
  const [first, second] = [a, b].map(({ parentSpanContext }) => Number(parentSpanContext !== undefined))
  return first! - second! || a.startTime[0] - b.startTime[0] || a.startTime[1] - b.startTime[1]
}

function timeOf(time: HrTime): string {
  return new Date(millisecondsOf(time)).toISOString()
}

function millisecondsOf([seconds, nanoseconds]: HrTime): number {
  return seconds * 1e3 + nanoseconds / 1e6
}
