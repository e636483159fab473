import {
  type Attributes,
  type Context,
  context,
  INVALID_TRACEID,
  isSpanContextValid,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import { ATTR_DB_COLLECTION_NAME } from '@opentelemetry/semantic-conventions'
import type {
  BatchInfo,
  BatchTrace,
  FlowInfo,
  FlowTracing,
  ProcessInfo,
  ProcessTrace,
  Tracing,
} from '../../contract/tracing.ts'
import { boolean, implementing, type OptionsOf, oneOf, optional, parse, type Values } from '../../support/validate.ts'
import { connectionAttributes } from '../connection-attributes.ts'
import { SCOPE } from '../scope.ts'
import { type AttemptSpans, TracedBatch } from './batch-trace.ts'
import { chooseLinks, isSampled } from './links.ts'
import { startProcess } from './process-trace.ts'
import { BATCH_SPAN, SPAN_ATTR } from './span-attributes.ts'

export interface OtelTracingOptions {
  /** Makes the tracer. @default the global provider */
  readonly tracerProvider?: TracerProvider | undefined
  /**
   * Kind of the span each attempt gets: `client`, or `internal` where the client's own instrumentation makes client spans,
   * or `none`. @default 'client'
   */
  readonly attemptSpans?: AttemptSpans | undefined
  /** Whether the span that called `write` gets a link to the batch its row travels in. @default true */
  readonly linkSubmitters?: boolean | undefined
  /** Whether attempt spans carry `db.query.text`, which never contains a value of a row. @default true */
  readonly queryText?: boolean | undefined
}

/** @internal */
export const TRACING = {
  tracerProvider: optional(implementing<TracerProvider>('a TracerProvider', 'getTracer')),
  attemptSpans: optional(oneOf('client', 'internal', 'none'), 'client'),
  linkSubmitters: optional(boolean, true),
  queryText: optional(boolean, true),
} satisfies OptionsOf<OtelTracingOptions>

type Settings = Values<typeof TRACING>

/**
 * One span per batch, linked to the spans that submitted its rows (or their child, when it is one span), and one per
 * attempt under it. Give it to the executor before `new BatchFlow`:
 *
 * ```ts
 * executor.withTracing(new OtelTracing())
 * ```
 *
 * @throws {OptionError} naming the option and the value it received
 */
export class OtelTracing implements Tracing {
  readonly #settings: Settings

  constructor(options: OtelTracingOptions = {}) {
    this.#settings = parse('OtelTracing', TRACING, options)
  }

  open(flow: FlowInfo): FlowTracing {
    const provider = this.#settings.tracerProvider ?? trace.getTracerProvider()
    return new FlowTracer(provider.getTracer(SCOPE.name, SCOPE.version), flow, this.#settings)
  }
}

class FlowTracer implements FlowTracing {
  readonly #tracer: Tracer
  readonly #common: Attributes
  readonly #settings: Settings
  /** The context last asked about, and the valid span in it: rows of one request come one after the other. */
  #context: Context | undefined
  #origin: SpanContext | undefined

  constructor(tracer: Tracer, { database, target }: FlowInfo, settings: Settings) {
    this.#tracer = tracer
    this.#settings = settings
    this.#common = connectionAttributes(database, target)
  }

  capture(): SpanContext | undefined {
    const active = context.active()
    if (active !== this.#context) {
      const origin = trace.getSpanContext(active)
      this.#origin = origin !== undefined && isOrigin(origin) ? origin : undefined
      this.#context = active
    }
    return this.#origin
  }

  captureSpan(): Span | undefined {
    if (!this.#settings.linkSubmitters) return undefined
    const span = trace.getActiveSpan()
    return span?.isRecording() ? span : undefined
  }

  startBatch(batch: BatchInfo): BatchTrace | undefined {
    const span = this.#startSpan(batch)
    const spanContext = span.spanContext()
    if (!isSpanContextValid(spanContext)) return undefined
    if (isSampled(spanContext)) for (const submitter of batch.submitters) linkTo(submitter, spanContext)
    return new TracedBatch(this.#tracer, span, this.#common, this.#settings)
  }

  startProcess(messages: ProcessInfo): ProcessTrace | undefined {
    return startProcess(this.#tracer, messages)
  }

  #startSpan(batch: BatchInfo): Span {
    const [only] = batch.origins
    const attributes: Attributes = {
      ...this.#common,
      [ATTR_DB_COLLECTION_NAME]: batch.table,
      [SPAN_ATTR.rows]: batch.rows,
      [SPAN_ATTR.accepted]: batch.accepted,
      [SPAN_ATTR.trigger]: batch.trigger,
    }
    const name = `${BATCH_SPAN} ${batch.table}`
    if (only !== undefined && batch.origins.length === 1 && !batch.orphans) {
      const parent = trace.setSpanContext(ROOT_CONTEXT, only)
      return this.#tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes }, parent)
    }
    const { contexts, dropped } = chooseLinks(batch.origins)
    if (dropped > 0) attributes[SPAN_ATTR.linksDropped] = dropped
    const links: Link[] = contexts.map((submitter) => ({ context: submitter }))
    return this.#tracer.startSpan(name, { kind: SpanKind.INTERNAL, root: true, attributes, links }, ROOT_CONTEXT)
  }
}

/** Links a request to its batch. An API without `addLink` (before 1.9) or a span that ended meanwhile has none. */
function linkTo(submitter: Span, batch: SpanContext): void {
  if (submitter.isRecording() && typeof submitter.addLink === 'function') {
    submitter.addLink({ context: batch, attributes: { [SPAN_ATTR.link]: 'batch' } })
  }
}

/** Ids made here are well formed, unless nothing is traced; only those from elsewhere are worth a look at every letter. */
function isOrigin(origin: SpanContext): boolean {
  return origin.isRemote ? isSpanContextValid(origin) : origin.traceId !== INVALID_TRACEID
}
