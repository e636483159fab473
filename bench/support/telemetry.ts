import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import type { MetricsReporter, TableMetrics } from 'batchflow-otel'
import { OtelMetricsReporter } from 'batchflow-otel/otel'

/** A reader that is never read: instruments record as in earnest. */
class NullReader extends MetricReader {
  protected async onShutdown(): Promise<void> {}

  protected async onForceFlush(): Promise<void> {}
}

export function otelReporter(): OtelMetricsReporter {
  return new OtelMetricsReporter({ meterProvider: new MeterProvider({ readers: [new NullReader()] }) })
}

/** Puts down how long batches take, in ms, and nothing else. */
export function executeDurations(durations: number[]): MetricsReporter {
  const nothing = () => undefined
  const table: TableMetrics = {
    observeEnqueueLatency: nothing,
    observeDequeueLatency: nothing,
    observeAssembleDuration: nothing,
    observeExecuteDuration: (seconds) => void durations.push(seconds * 1000),
    observeProcessDuration: nothing,
    observeBatchSize: nothing,
    countBatch: nothing,
    countRecords: nothing,
    countError: nothing,
    countRejected: nothing,
    countFlush: nothing,
    countCoalesced: nothing,
    countDeadLetters: nothing,
  }
  return { open: () => ({ table: () => table, close: nothing }) }
}
