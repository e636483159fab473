import { diag } from '@opentelemetry/api'
import type { FlowMetrics, FlowProbe, MetricsReporter, TableMetrics } from './telemetry/reporter.ts'
import type { FlowOrigin, FlowTracing, Tracing } from './telemetry/trace.ts'

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
  let told = false
  const guard =
    <A extends unknown[], T>(call: (...args: A) => T) =>
    (...args: A): T | undefined => {
      try {
        return call(...args)
      } catch (error) {
        if (!told) diag.error('batchflow-otel: the metrics reporter threw; its measurements are incomplete', error)
        told = true
        return undefined
      }
    }
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

/** Opens `tracing` for a flow; one that cannot be opened traces nothing. */
export function openTracing(tracing: Tracing | undefined, flow: FlowOrigin): FlowTracing | undefined {
  try {
    return tracing?.open(flow)
  } catch (error) {
    diag.error('batchflow-otel: tracing could not be opened; this flow is not traced', error)
    return undefined
  }
}

function call(table: TableMetrics | undefined, verb: (typeof VERBS)[number], args: never[]): void {
  const method = table?.[verb] as ((...args: never[]) => void) | undefined
  method?.apply(table, args)
}
