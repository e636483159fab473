import { diag } from '@opentelemetry/api'
import type { FlowMetrics, FlowProbe, MetricsReporter, TableMetrics } from './telemetry/reporter.ts'
import type { BatchOrigin, FlowOrigin, FlowTracing, Tracing } from './telemetry/trace.ts'

const VERBS = [
  'observeEnqueueLatency',
  'observeDequeueLatency',
  'observeAssembleDuration',
  'observeAttemptDuration',
  'observeExecuteDuration',
  'observeProcessDuration',
  'observeBatchSize',
  'countBatch',
  'countRecords',
  'countError',
  'countRejected',
  'countFlush',
  'countCoalesced',
  'countDeadLetters',
] as const satisfies (keyof TableMetrics)[]

/** Opens `reporter` for a flow, so that nothing it throws reaches the rows: telemetry stands beside the way. */
export function openGuarded(reporter: MetricsReporter | undefined, probe: FlowProbe): FlowMetrics | undefined {
  const guard = guardTelling('batchflow-otel: the metrics reporter threw; its measurements are incomplete')
  const flow = guard(() => reporter?.open(probe))()
  if (flow === undefined) return undefined
  return {
    table: (name) => {
      const table = guard(() => flow.table(name))()
      const verbs = VERBS.map((verb) => [verb, guard((...args: never[]) => call(table, verb, args))])
      return Object.fromEntries(verbs) as TableMetrics
    },
    close: guard(() => flow.close()),
  }
}

/** Opens `tracing` for a flow in the same way; one that cannot be opened traces nothing. */
export function openTracing(tracing: Tracing | undefined, flow: FlowOrigin): FlowTracing | undefined {
  const guard = guardTelling('batchflow-otel: tracing threw; traces of this flow are incomplete')
  const opened = guard(() => tracing?.open(flow))()
  if (opened === undefined) return undefined
  return {
    capture: guard(() => opened.capture()),
    captureSpan: guard(() => opened.captureSpan()),
    startBatch: guard((batch: BatchOrigin) => opened.startBatch(batch)),
  }
}

/** Functions whose errors are told once, by `message`, and go no further. */
function guardTelling(message: string) {
  let told = false
  return <A extends unknown[], T>(call: (...args: A) => T) =>
    (...args: A): T | undefined => {
      try {
        return call(...args)
      } catch (error) {
        if (!told) diag.error(message, error)
        told = true
        return undefined
      }
    }
}

function call(table: TableMetrics | undefined, verb: (typeof VERBS)[number], args: never[]): void {
  const method = table?.[verb] as ((...args: never[]) => void) | undefined
  method?.apply(table, args)
}
