import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base'

/** Requests are many here; one in so many is enough to look at. */
const SAMPLED = 0.05

/** Registers a tracer provider that sends over OTLP, when an endpoint is configured. */
export function startTracing(): BasicTracerProvider | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME = 'traffic' } = process.env
  if (!OTEL_EXPORTER_OTLP_ENDPOINT) return undefined
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': OTEL_SERVICE_NAME }),
    sampler: new TraceIdRatioBasedSampler(SAMPLED),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager())
  trace.setGlobalTracerProvider(provider)
  return provider
}
