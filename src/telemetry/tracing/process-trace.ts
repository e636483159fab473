import {
  type Attributes,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
} from '@opentelemetry/api'
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions'
import type { ProcessInfo, ProcessOutcome, ProcessTrace } from '../../contract/tracing.ts'
import { counted } from '../../support/text.ts'
import { chooseLinks } from './links.ts'
import { MESSAGING_ATTR, SPAN_ATTR } from './span-attributes.ts'

/**
 * The span of the processing of messages that a log handed over together, from then until all are settled; by the messaging
 * conventions `process <destination>`, a CONSUMER, linked to the spans that published them. `undefined`: nothing is traced.
 */
export function startProcess(tracer: Tracer, info: ProcessInfo): ProcessTrace | undefined {
  const { system, destination, partition, messages, origins } = info
  const { contexts, dropped } = chooseLinks(distinct(origins))
  const attributes: Attributes = {
    [MESSAGING_ATTR.system]: system,
    [MESSAGING_ATTR.destination]: destination,
    [MESSAGING_ATTR.partition]: partition,
    [MESSAGING_ATTR.operationName]: 'process',
    [MESSAGING_ATTR.operationType]: 'process',
    [MESSAGING_ATTR.messageCount]: messages,
  }
  if (dropped > 0) attributes[SPAN_ATTR.linksDropped] = dropped
  const links = contexts.map((context) => ({ context }))
  const kind = SpanKind.CONSUMER
  const span = tracer.startSpan(`process ${destination}`, { kind, root: true, attributes, links }, ROOT_CONTEXT)
  return isSpanContextValid(span.spanContext()) ? new TracedProcess(span) : undefined
}

function distinct(origins: ProcessInfo['origins']): ProcessInfo['origins'] {
  return [...new Map(origins.map((origin) => [origin.traceId + origin.spanId, origin])).values()]
}

class TracedProcess implements ProcessTrace {
  readonly #span: Span

  constructor(span: Span) {
    this.#span = span
  }

  end({ deadLettered, givenBack }: ProcessOutcome): void {
    if (givenBack > 0) this.#span.setAttribute(SPAN_ATTR.givenBack, givenBack)
    if (deadLettered > 0) {
      this.#span.setAttributes({ [SPAN_ATTR.deadLettered]: deadLettered, [ATTR_ERROR_TYPE]: 'dead_letter' })
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: `${counted(deadLettered, 'message')} put aside` })
    }
    this.#span.end()
  }
}
