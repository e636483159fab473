/**
 * A `NodeSDK` as an application has it. Instrumentations patch a client while it is loaded: import this module before
 * anything that imports one, as a bare `import '…/node-sdk.ts'`, which stays where it is when imports are sorted.
 */
import { createRequire } from 'node:module'
import { type Span, trace } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis'
import { MySQL2Instrumentation } from '@opentelemetry/instrumentation-mysql2'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace'
import { BatchFlowInstrumentation, type BatchFlowInstrumentationConfig } from '../../../src/telemetry/index.ts'

export const pgInstrumentation = new PgInstrumentation()
export const mysqlInstrumentation = new MySQL2Instrumentation()
const redisInstrumentation = new IORedisInstrumentation({ requireParentSpan: true })

// Without a loader hook only what is required can be patched; of `pg` its inner files are, of these the entry itself.
const require = createRequire(import.meta.url)
for (const client of ['ioredis', 'mysql2']) require(client)

/** @param url of an OTLP receiver, to which traces and metrics go 50 ms after they happen */
export function startNodeSdk(url: string, config: BatchFlowInstrumentationConfig): NodeSDK {
  const [traces, metrics] = [
    new OTLPTraceExporter({ url: `${url}/v1/traces` }),
    new OTLPMetricExporter({ url: `${url}/v1/metrics` }),
  ]
  const sdk = new NodeSDK({
    serviceName: 'traced',
    autoDetectResources: false,
    spanProcessors: [new BatchSpanProcessor({ exporter: traces, scheduledDelayMillis: 50 })],
    metricReaders: [
      new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 50, exportTimeoutMillis: 50 }),
    ],
    instrumentations: [
      pgInstrumentation,
      mysqlInstrumentation,
      redisInstrumentation,
      new BatchFlowInstrumentation(config),
    ],
  })
  sdk.start()
  return sdk
}

/** Does `work` in a root span, as the handler of a request would. */
export function request<T>(name: string, work: (span: Span) => Promise<T>): Promise<T> {
  return trace.getTracer('requests').startActiveSpan(name, { root: true }, async (span) => {
    try {
      return await work(span)
    } finally {
      span.end()
    }
  })
}
