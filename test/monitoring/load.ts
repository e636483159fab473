/** One load, reported by three routes at once: a page to scrape, OTLP to the Collector, OTLP to Prometheus. */
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { FlowMetrics, MetricsReporter, TableMetrics } from 'batchflow-otel'
import { OtelMetricsReporter, OtelTracing } from 'batchflow-otel/otel'
import type { PrometheusEndpoint } from 'batchflow-otel/prometheus'
import { openBackends } from '../../examples/traffic/backends.ts'
import { startTraffic } from '../../examples/traffic/traffic.ts'
import { servers } from '../support/servers/servers.ts'
import { JOB, type Routes } from './routes.ts'

export interface Load {
  readonly databases: readonly string[]
  /** Ends the load and sends what was recorded on its way. */
  stop(): Promise<void>
}

const EXPORT_MS = 1_000

export const resource = resourceFromAttributes({ 'service.name': JOB, 'service.instance.id': 'instance-1' })

export async function startLoad(page: PrometheusEndpoint, { otlp }: Routes): Promise<Load> {
  const pushing = [otlp.collector, otlp.prometheus].map(pushTo)
  const backends = await openBackends(await reachable(), `batchflow_verify_${process.pid}`)
  const tracing = startTracing(otlp.traces)
  const reporters = [page.meterProvider, ...pushing].map(
    (meterProvider) => new OtelMetricsReporter({ testName: 'verify', meterProvider }),
  )
  const traffic = startTraffic(backends, { reporter: allOf(reporters), tracing: new OtelTracing() })
  return {
    databases: backends.map(({ executor }) => executor.driver.name),
    async stop() {
      await traffic.stop()
      await Promise.all(backends.map((backend) => backend.close()))
      await Promise.all([tracing, ...pushing].map((provider) => provider.shutdown()))
    },
  }
}

async function reachable(): Promise<Record<string, string | undefined>> {
  const [postgres, mysql, redis] = await Promise.all([servers.postgres(), servers.mysql(), servers.redis()])
  return { POSTGRES_URL: postgres?.url, MYSQL_URL: mysql?.url, REDIS_URL: redis?.url, SQLITE_FILE: ':memory:' }
}

function pushTo(url: string): MeterProvider {
  const exporter = new OTLPMetricExporter({ url })
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: EXPORT_MS })
  return new MeterProvider({ resource, readers: [reader] })
}

/** Every span is sampled, so that every batch may be an exemplar. */
function startTracing(url: string): BasicTracerProvider {
  const spanProcessors = [new BatchSpanProcessor(new OTLPTraceExporter({ url }))]
  const provider = new BasicTracerProvider({ resource, spanProcessors })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager())
  trace.setGlobalTracerProvider(provider)
  return provider
}

/** Tells every reporter the same. */
function allOf(reporters: readonly MetricsReporter[]): MetricsReporter {
  return {
    open(flow) {
      const flows = reporters.map((reporter) => reporter.open(flow)).filter((opened) => opened !== undefined)
      const close: FlowMetrics['close'] = () => flows.forEach((opened) => void opened.close())
      return { close, table: (name) => everyOne(flows.map((opened) => opened.table(name))) }
    },
  }
}

function everyOne(recorders: readonly TableMetrics[]): TableMetrics {
  const call =
    (verb: keyof TableMetrics) =>
    (...values: unknown[]) => {
      for (const recorder of recorders)
        Reflect.apply(recorder[verb] as (...values: unknown[]) => void, recorder, values)
    }
  return new Proxy({} as TableMetrics, { get: (_, verb) => call(verb as keyof TableMetrics) })
}
