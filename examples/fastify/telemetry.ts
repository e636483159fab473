/** Imported before everything else, because an instrumentation patches a module while it is loaded. */
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { BatchFlowInstrumentation } from 'batchflow-otel/otel'

const sdk = new NodeSDK({
  serviceName: process.env['OTEL_SERVICE_NAME'] ?? 'orders',
  traceExporter: new OTLPTraceExporter(),
  metricReaders: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })],
  instrumentations: [
    new HttpInstrumentation(),
    new FastifyOtelInstrumentation({ registerOnInitialization: true, instrumentHooks: false }),
    new PgInstrumentation({ requireParentSpan: true }),
    new BatchFlowInstrumentation({ attemptSpans: 'internal' }),
  ],
})
sdk.start()

/** Sends what is left. That nobody receives it is no reason to end in failure. */
export async function stopTelemetry(): Promise<void> {
  await sdk.shutdown().catch((error) => console.error(`telemetry was not delivered: ${error}`))
}
