import { type Context, context, type Span, type Tracer, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'

/** A real tracer provider whose finished spans can be looked at. */
export class Traces {
  readonly provider: TracerProvider
  readonly tracer: Tracer
  readonly #exporter = new InMemorySpanExporter()

  constructor(sampler?: Sampler) {
    const spanProcessors = [new SimpleSpanProcessor({ exporter: this.#exporter })]
    this.provider = new TracerProvider({ spanProcessors, ...(sampler !== undefined && { sampler }) })
    this.tracer = this.provider.getTracer('test')
  }

  /** Finished spans whose name begins so, in the order they ended. */
  named(start: string): ReadableSpan[] {
    return this.#exporter.getFinishedSpans().filter(({ name }) => name.startsWith(start))
  }

  /** Runs `act` in a span of its own, as a request does; the span is returned ended. */
  async request<T>(name: string, act: (span: Span) => Promise<T>, parent: Context = context.active()): Promise<Span> {
    const span = this.tracer.startSpan(name, {}, parent)
    await context.with(trace.setSpan(parent, span), () => act(span))
    span.end()
    return span
  }
}

/** Contexts follow promises for as long as the file runs, as any OpenTelemetry set-up has it. */
export function enableContext(): void {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
}

export function ids(span: Span | ReadableSpan): { traceId: string; spanId: string } {
  const { traceId, spanId } = span.spanContext()
  return { traceId, spanId }
}
