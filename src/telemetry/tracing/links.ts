import { type SpanContext, TraceFlags } from '@opentelemetry/api'

/** Links one span keeps: the default limit of the SDK, which would keep the last ones instead of the best. */
export const MAX_LINKS = 128

/** Which submitters a batch span links to. */
export interface ChosenLinks {
  readonly contexts: readonly SpanContext[]
  /** Distinct submitters there was no room for. */
  readonly dropped: number
}

/** Chooses as many as fit, sampled ones first: a link to a trace that nobody kept leads nowhere. */
export function chooseLinks(submitters: readonly SpanContext[]): ChosenLinks {
  if (submitters.length <= MAX_LINKS) return { contexts: submitters, dropped: 0 }
  const sampled = submitters.filter(isSampled)
  const others = submitters.filter((submitter) => !isSampled(submitter))
  return { contexts: [...sampled, ...others].slice(0, MAX_LINKS), dropped: submitters.length - MAX_LINKS }
}

export function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0
}
