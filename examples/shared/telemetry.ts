/**
 * OpenTelemetry as most services have it. Imported before everything else, because an instrumentation patches a client
 * while it is loaded. Where to send is in the environment: `OTEL_EXPORTER_OTLP_ENDPOINT`, by default a Collector on this
 * machine; so is the service's name, `OTEL_SERVICE_NAME`, by default that of the example's folder.
 */
import { basename, dirname } from 'node:path'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { BatchFlowInstrumentation } from 'batchflow-otel/otel'

const sdk = new NodeSDK({
  serviceName: process.env['OTEL_SERVICE_NAME'] ?? basename(dirname(process.argv[1]!)),
  traceExporter: new OTLPTraceExporter(),
  metricReaders: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })],
  instrumentations: [
    new PgInstrumentation({ requireParentSpan: true }),
    // The client makes spans of kind CLIENT already, so those of attempts are internal.
    new BatchFlowInstrumentation({ attemptSpans: 'internal' }),
  ],
})
sdk.start()

/** Sends what is left. That nobody receives it is no reason to end in failure. */
export async function stopTelemetry(): Promise<void> {
  await sdk.shutdown().catch((error) => console.error(`telemetry was not delivered: ${error}`))
}
