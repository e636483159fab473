/** Meter providers of one process, one for each route, and its tracer. */
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  type IMetricReader,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { FlowMetrics, MetricsReporter, TableMetrics } from 'batchflow-otel'
import { OtelMetricsReporter } from 'batchflow-otel/otel'
import { startPrometheus } from 'batchflow-otel/prometheus'
import type { Otlp } from './routes.ts'

/** A process as every route is to know it. */
export interface Identity {
  /** `service.name`, and the job that scrapes it. */
  readonly job: string
  /** `service.instance.id` */
  readonly instance: string
  /** Ports of the page of this package, and of the one of the SDK's own exporter. */
  readonly page: number
  readonly exporter: number
}

export interface Providers {
  /** Reports by every route. */
  readonly reporter: MetricsReporter
  /** The same, with another `test_name`. */
  named(testName: string): MetricsReporter
  /** Sends what is left, and ends. */
  stop(): Promise<void>
}

const EXPORT_MS = 1_000
const HOST = '127.0.0.1'

export async function startProviders(
  identity: Identity,
  otlp: Otlp,
  testName: string,
  views: readonly ViewOptions[] = [],
): Promise<Providers> {
  const resource = resourceOf(identity)
  const page = await startPrometheus({ port: identity.page, resource, setGlobal: false, views: [...views] })
  const provider = (reader: IMetricReader) => new MeterProvider({ resource, readers: [reader], views: [...views] })
  const others = [
    provider(new PrometheusExporter({ host: HOST, port: identity.exporter })),
    ...[otlp.collector, otlp.prometheus].map((url) => provider(pushTo(url))),
  ]
  const all = [page.meterProvider, ...others]
  const named = (name: string) =>
    allOf(all.map((meterProvider) => new OtelMetricsReporter({ testName: name, meterProvider })))
  return {
    reporter: named(testName),
    named,
    async stop() {
      await Promise.all([page.stop(), ...others.map((one) => one.shutdown())])
    },
  }
}

/** Every span is sampled, so that every batch may be an exemplar. */
export function startTracing(identity: Identity, { traces }: Otlp): BasicTracerProvider {
  const spanProcessors = [new BatchSpanProcessor(new OTLPTraceExporter({ url: traces }), { maxQueueSize: 20_000 })]
  const provider = new BasicTracerProvider({ resource: resourceOf(identity), spanProcessors })
  context.setGlobalContextManager(new AsyncLocalStorageContextManager())
  trace.setGlobalTracerProvider(provider)
  return provider
}

function resourceOf({ job, instance }: Identity): Resource {
  return resourceFromAttributes({ 'service.name': job, 'service.instance.id': instance })
}

function pushTo(url: string): IMetricReader {
  const exporter = new OTLPMetricExporter({ url })
  return new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: EXPORT_MS })
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
