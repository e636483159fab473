/**
 * OpenTelemetry for both sides: the span of a request travels in the headers of its message, and the batch that writes its row,
 * in another process, links to it. Imported before everything else. Where to send is in the environment, as is the service's name.
 */
import { createRequire } from 'node:module'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { BatchFlowInstrumentation } from 'batchflow-otel/otel'

const sdk = new NodeSDK({
  serviceName: process.env['OTEL_SERVICE_NAME'] ?? 'pipeline',
  traceExporter: new OTLPTraceExporter(),
  metricReaders: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })],
  instrumentations: [
    new HttpInstrumentation({ ignoreIncomingRequestHook: ({ method }) => method === 'GET' }), // probes
    new PgInstrumentation({ requireParentSpan: true }),
    new BatchFlowInstrumentation({ attemptSpans: 'internal' }),
  ],
})
sdk.start()
createRequire(import.meta.url)('node:http') // an instrumentation sees what is required; nothing here requires it otherwise

/** Sends what is left. That nobody receives it is no reason to end in failure. */
export async function stopTelemetry(): Promise<void> {
  await sdk.shutdown().catch((error) => console.error(`telemetry was not delivered: ${error}`))
}
