import { type Context, context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  SamplingDecision,
  type SamplingResult,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base'
import { LinkedBatchSampler } from 'batchflow-otel/otel'
import { TraceRing } from './trace-ring.ts'

export const TRACER = 'batchflow-demo'
export const REQUEST_SPAN = 'receive flights'
export const REHEARSAL_SPAN = 'rehearse errors'

/** Of the requests, which are many and alike. A batch is kept when one of its requests is. */
const KEPT = 0.1

export interface Tracing {
  /** The latest spans, where they are not sent anywhere. */
  readonly ring: TraceRing | undefined
  /** Sends what is left. */
  shutdown(): Promise<void>
}

/** Registers a tracer provider: spans go over OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, else they are kept here. */
export function startTracing(): Tracing {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME = TRACER } = process.env
  const ring = OTEL_EXPORTER_OTLP_ENDPOINT ? undefined : new TraceRing()
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': OTEL_SERVICE_NAME }),
    sampler: new ParentBasedSampler({ root: new LinkedBatchSampler(roots) }),
    spanProcessors: [ring ?? new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(provider)
  return { ring, shutdown: () => provider.shutdown() }
}

const some = new TraceIdRatioBasedSampler(KEPT)

/** The rehearsal is rare, and worth looking at; a batch none of whose requests is kept would lead nowhere. */
const roots = {
  shouldSample(active: Context, traceId: string, name: string): SamplingResult {
    if (name === REHEARSAL_SPAN) return { decision: SamplingDecision.RECORD_AND_SAMPLED }
    if (name.startsWith('batchflow.batch ')) return { decision: SamplingDecision.NOT_RECORD }
    return some.shouldSample(active, traceId)
  },
  toString: () => `${REHEARSAL_SPAN}, ${some}`,
}
