import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { ATTR_ERROR_TYPE, ATTR_SERVER_ADDRESS, ATTR_SERVER_PORT } from '@opentelemetry/semantic-conventions'
import type { BatchInfo, BatchOutcome, BatchTrace, FlowTracing, Tracing } from '../../contract/tracing.ts'
import type { LogDriver } from './log-driver.ts'
import { MESSAGING } from './messaging-attributes.ts'

/** What the SDK keeps of the links of a span. */
const MOST_LINKS = 128

/** One PRODUCER span per batch of messages, linked to the spans that published them. */
export class ProducerTracing implements Tracing {
  readonly #log: LogDriver
  readonly #provider: TracerProvider | undefined

  constructor(log: LogDriver, provider: TracerProvider | undefined) {
    this.#log = log
    this.#provider = provider
  }

  open(): FlowTracing {
    const { system, destination, target } = this.#log
    const attributes: Attributes = {
      [MESSAGING.system]: system,
      [MESSAGING.destination]: destination,
      [MESSAGING.operationName]: 'send',
      [MESSAGING.operationType]: 'send',
    }
    if (target?.address !== undefined) attributes[ATTR_SERVER_ADDRESS] = target.address
    if (target?.port !== undefined) attributes[ATTR_SERVER_PORT] = target.port
    const tracer = (this.#provider ?? trace.getTracerProvider()).getTracer('batchflow-otel')
    return new Producer(tracer, `send ${destination}`, attributes)
  }
}

class Producer implements FlowTracing {
  readonly #tracer: Tracer
  readonly #name: string
  readonly #attributes: Attributes

  constructor(tracer: Tracer, name: string, attributes: Attributes) {
    this.#tracer = tracer
    this.#name = name
    this.#attributes = attributes
  }

  capture(): SpanContext | undefined {
    const origin = trace.getActiveSpan()?.spanContext()
    return origin !== undefined && isSpanContextValid(origin) ? origin : undefined
  }

  /** The trace goes on with the messages: a request need not know of the batch they travelled in. */
  captureSpan(): undefined {}

  startBatch(batch: BatchInfo): BatchTrace | undefined {
    const links: Link[] = batch.origins.slice(0, MOST_LINKS).map((origin) => ({ context: origin }))
    const attributes = { ...this.#attributes, [MESSAGING.batchCount]: batch.rows }
    const options = { kind: SpanKind.PRODUCER, root: true, attributes, links }
    const span = this.#tracer.startSpan(this.#name, options, ROOT_CONTEXT)
    return isSpanContextValid(span.spanContext()) ? new SentBatch(span) : undefined
  }
}

class SentBatch implements BatchTrace {
  readonly context: Context
  readonly #span: Span

  constructor(span: Span) {
    this.#span = span
    this.context = trace.setSpan(ROOT_CONTEXT, span)
  }

  get spanContext(): SpanContext {
    return this.#span.spanContext()
  }

  within<T>(act: () => T): T {
    return context.with(this.context, act)
  }

  /** The client's own instrumentation tells of attempts. */
  startAttempt(): undefined {}

  end({ reason }: BatchOutcome): void {
    if (reason !== undefined) {
      this.#span.setAttribute(ATTR_ERROR_TYPE, reason)
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: reason })
    }
    this.#span.end()
  }
}
