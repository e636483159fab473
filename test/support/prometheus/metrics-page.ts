import { type Context, ROOT_CONTEXT, type SpanContext, TraceFlags, trace } from '@opentelemetry/api'
import { AggregationType, MeterProvider, type MeterProviderOptions } from '@opentelemetry/sdk-metrics'
import type { TableMetrics } from '../../../src/contract/metrics-reporter.ts'
import { BatchFlowPrometheusExporter } from '../../../src/prometheus/exporter.ts'
import { OtelMetricsReporter } from '../../../src/telemetry/metrics/otel-reporter.ts'
import { flowProbe } from '../telemetry/otel-metrics.ts'

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
export const SPAN_ID = 'b7ad6b7169203331'

/** Of a batch with this span. */
export function contextOf(span: Partial<SpanContext> = {}): Context {
  const sampled = { traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: TraceFlags.SAMPLED }
  return trace.setSpanContext(ROOT_CONTEXT, { ...sampled, ...span })
}

export interface PageRig {
  readonly exporter: BatchFlowPrometheusExporter
  readonly provider: MeterProvider
  /** A recorder of the table, in a flow of its own. */
  table(name: string, testName?: string): TableMetrics
}

export function pageRig(options: Pick<MeterProviderOptions, 'views' | 'resource'> = {}): PageRig {
  const exporter = new BatchFlowPrometheusExporter({ port: 0 })
  const provider = new MeterProvider({ ...options, readers: [exporter] })
  const table = (name: string, testName?: string) => {
    const flow = new OtelMetricsReporter({ meterProvider: provider, testName }).open(flowProbe())
    if (flow === undefined) throw new Error('the reporter has no meter')
    return flow.table(name)
  }
  return { exporter, provider, table }
}

/** Every kind of metric, names and labels that need care, scopes that share a name, and an exemplar. */
export function everyKind(): PageRig {
  const exponential = { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const
  const rig = pageRig({ views: [{ instrumentName: 'app.exponential', aggregation: exponential }] })
  const [first, second] = [rig.provider.getMeter('first', '1.0'), rig.provider.getMeter('second')]
  for (const meter of [second, first]) meter.createCounter('app.jobs', { description: 'Jobs' }).add(3, { queue: 'a' })
  const wild = { 'a.b': '1', a_b: '2', '1st': 'a"b\\c\nd', '': 'nameless', größe: 'µ', number: 7, list: ['x'] }
  first.createCounter('app.seconds_total', { unit: 's', description: 'A "quoted" \\ help\nof lines' }).add(0.5, wild)
  first.createUpDownCounter('app.level', { unit: 'ms' }).add(-2)
  first.createGauge('app.heat').record(Number.NEGATIVE_INFINITY)
  first.createGauge('app.memory.bytes', { unit: 'By' }).record(1e21)
  first.createObservableCounter('app.observed').addCallback((result) => result.observe(9, { le: 'no bound' }))
  first.createHistogram('app.sizes', bounds(0, 1, 1e6, 0.00001)).record(2, { le: 'no bound' })
  first.createHistogram('app.exponential').record(5)
  const users = rig.table('users', 'signup')
  users.observeExecuteDuration(0.25, 'success', undefined, contextOf())
  users.observeExecuteDuration(100, 'fail', 'deadlock', contextOf())
  users.countRecords('success', 5)
  users.observeBatchSize(3)
  return rig
}

function bounds(...explicitBucketBoundaries: number[]) {
  return { advice: { explicitBucketBoundaries: explicitBucketBoundaries.sort((a, b) => a - b) } }
}
