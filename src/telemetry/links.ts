import { type SpanContext, TraceFlags } from '@opentelemetry/api'

/** Links one span keeps: the default limit of the SDK, which would keep the last ones instead of the best. */
export const MAX_LINKS = 128

/** Which submitters a batch span links to. */
export interface ChosenLinks {
  readonly contexts: readonly SpanContext[]
  /** Distinct submitters there was no room for. */
  readonly dropped: number
}

/** Distinct submitters, in the order they first came. */
export function distinct(origins: readonly SpanContext[]): readonly SpanContext[] {
  if (origins.length < 2 || areDistinct(origins)) return origins
  const bySpan = new Map<string, SpanContext>()
  for (const origin of origins) {
    const known = bySpan.get(origin.spanId)
    if (known === undefined) bySpan.set(origin.spanId, origin)
    // Two traces with one span id are next to impossible, so only they pay for a longer key.
    else if (known.traceId !== origin.traceId) bySpan.set(origin.traceId + origin.spanId, origin)
  }
  return [...bySpan.values()]
}

/** Slots that are looked at for one id; ids from elsewhere may be made to meet in one. */
const MAX_PROBES = 8

/**
 * Whether all have span ids of their own, as in nearly every batch; `false` when in doubt. A hash table of places: a map
 * keyed by strings, made for each batch and thrown away, takes four times as long.
 */
function areDistinct(origins: readonly SpanContext[]): boolean {
  const mask = 2 ** (34 - Math.clz32(origins.length)) - 1
  const places = new Int32Array(mask + 1)
  for (let i = 0; i < origins.length; i++) {
    const { spanId } = origins[i]!
    let slot = hashOf(spanId) & mask
    for (let probes = 0; places[slot] !== 0; probes++) {
      if (probes === MAX_PROBES || origins[places[slot]! - 1]!.spanId === spanId) return false
      slot = (slot + 1) & mask
    }
    places[slot] = i + 1
  }
  return true
}

function hashOf(id: string): number {
  let hash = 0
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash, 31) + id.charCodeAt(i)
  return hash
}

/** As many as fit, sampled ones first: a link to a trace that nobody kept leads nowhere. */
export function chooseLinks(submitters: readonly SpanContext[]): ChosenLinks {
  if (submitters.length <= MAX_LINKS) return { contexts: submitters, dropped: 0 }
  const sampled = submitters.filter(isSampled)
  const others = submitters.filter((submitter) => !isSampled(submitter))
  return { contexts: [...sampled, ...others].slice(0, MAX_LINKS), dropped: submitters.length - MAX_LINKS }
}

export function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0
}
