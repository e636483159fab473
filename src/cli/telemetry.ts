import type { MetricsReporter } from 'batchflow-otel'
import { importPackage } from './packages.ts'

export interface TelemetryOptions {
  /** Serves the page for Prometheus there. */
  readonly metricsPort?: number | undefined
  /** Sends metrics there. */
  readonly otlp?: string | undefined
}

export interface Telemetry {
  readonly reporter: MetricsReporter
  /** Where the page is. */
  readonly url: string | undefined
  /** Sends what is not sent yet. */
  stop(): Promise<void>
}

type Sdk = typeof import('@opentelemetry/sdk-metrics')
type Reader = ConstructorParameters<Sdk['PeriodicExportingMetricReader']>[0]['exporter']

interface Otlp {
  readonly OTLPMetricExporter: new (options: { url: string }) => Reader
}

const OTLP_INTERVAL = 5_000

/** @returns `undefined` where nobody wants to hear of it */
export async function startTelemetry({ metricsPort, otlp }: TelemetryOptions): Promise<Telemetry | undefined> {
  if (metricsPort === undefined && otlp === undefined) return undefined
  const sdk = await importPackage<Sdk>('@opentelemetry/sdk-metrics', '--metrics-port and --otlp need')
  const { OtelMetricsReporter } = await import('batchflow-otel/otel')
  const page = metricsPort === undefined ? undefined : await openPage(metricsPort)
  const readers = [
    ...(page === undefined ? [] : [page.exporter]),
    ...(otlp === undefined ? [] : [await sender(sdk, otlp)]),
  ]
  const meterProvider = new sdk.MeterProvider({ readers })
  return {
    reporter: new OtelMetricsReporter({ meterProvider }),
    url: page?.url,
    stop: () => meterProvider.shutdown(),
  }
}

async function openPage(port: number) {
  const { BatchFlowPrometheusExporter } = await import('batchflow-otel/prometheus')
  const exporter = new BatchFlowPrometheusExporter({ port })
  return { exporter, url: (await exporter.listening()).url }
}

async function sender({ PeriodicExportingMetricReader }: Sdk, otlp: string) {
  const name = '@opentelemetry/exporter-metrics-otlp-proto'
  const { OTLPMetricExporter } = await importPackage<Otlp>(name, '--otlp needs')
  const exporter = new OTLPMetricExporter({ url: otlp })
  return new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: OTLP_INTERVAL })
}
