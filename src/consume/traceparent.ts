import {
  createTraceState,
  INVALID_TRACEID,
  isSpanContextValid,
  type SpanContext,
  TraceFlags,
  trace,
} from '@opentelemetry/api'

/** Version, trace id, span id, flags. Versions after 00 may go on after a dash. https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** A version that no header has. */
const INVALID_VERSION = 'ff'

export interface TraceHeaders {
  readonly traceparent: string
  readonly tracestate?: string
}

/**
 * The active span as the headers of a message, whatever propagator is configured; `undefined` where there is none. What is
 * not sampled is told as well: its ids still tell which request a row is from.
 */
export function activeTraceHeaders(): TraceHeaders | undefined {
  const origin = trace.getActiveSpan()?.spanContext()
  return origin === undefined || origin.traceId === INVALID_TRACEID ? undefined : traceHeadersOf(origin)
}

export function traceHeadersOf({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceHeaders {
  const flags = (traceFlags & 0xff).toString(16).padStart(2, '0')
  const traceparent = `00-${traceId}-${spanId}-${flags}`
  const tracestate = traceState?.serialize()
  return tracestate ? { traceparent, tracestate } : { traceparent }
}

/** Who published a message, as its headers tell; `undefined` where they do not, or are not as they should be. */
export function parseTraceHeaders(headers: Readonly<Record<string, string | undefined>>): SpanContext | undefined {
  const { traceparent, tracestate } = headers
  const parts = traceparent === undefined ? null : TRACEPARENT.exec(traceparent)
  if (parts === null) return undefined
  const [, version, traceId = '', spanId = '', flags = '', more] = parts
  if (version === INVALID_VERSION || (version === '00' && more !== undefined)) return undefined
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED
  const origin = { traceId, spanId, traceFlags, isRemote: true }
  if (!isSpanContextValid(origin)) return undefined
  return tracestate ? { ...origin, traceState: createTraceState(tracestate) } : origin
}
