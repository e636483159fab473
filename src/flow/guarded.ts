import { diag } from '@opentelemetry/api'
import type { FlowMetrics, FlowProbe, MetricsReporter, TableMetrics } from '../contract/metrics-reporter.ts'
import type { FlowOrigin, FlowTracing, Tracing } from '../contract/tracing.ts'

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
  const tell = tellOnce('batchflow-otel: the metrics reporter threw; its measurements are incomplete')
  const flow = attempt(() => reporter?.open(probe), tell)
  if (flow === undefined) return undefined
  return {
    table: (name) => {
      const table = attempt(() => flow.table(name), tell)
      return Object.fromEntries(VERBS.map((verb) => [verb, guarded(table, verb, tell)])) as unknown as TableMetrics
    },
    close: () => attempt(() => flow.close(), tell),
  }
}

/** Opens `tracing` for a flow in the same way; one that cannot be opened traces nothing. */
export function openTracing(tracing: Tracing | undefined, flow: FlowOrigin): FlowTracing | undefined {
  const tell = tellOnce('batchflow-otel: tracing threw; traces of this flow are incomplete')
  const opened = attempt(() => tracing?.open(flow), tell)
  if (opened === undefined) return undefined
  return {
    // Once for every row, so without a closure.
    capture: () => {
      try {
        return opened.capture()
      } catch (error) {
        return tell(error)
      }
    },
    captureSpan: () => attempt(() => opened.captureSpan(), tell),
    startBatch: (batch) => attempt(() => opened.startBatch(batch), tell),
  }
}

type Tell = (error: unknown) => undefined

function tellOnce(message: string): Tell {
  let told = false
  return (error) => {
    if (!told) diag.error(message, error)
    told = true
    return undefined
  }
}

function attempt<T>(act: () => T, tell: Tell): T | undefined {
  try {
    return act()
  } catch (error) {
    return tell(error)
  }
}

/** Four parameters are what the verbs have at most; an array of them for each measurement would cost more than the call. */
function guarded(table: TableMetrics | undefined, verb: (typeof VERBS)[number], tell: Tell) {
  return (a: unknown, b: unknown, c: unknown, d: unknown): void => {
    try {
      const method = table?.[verb] as ((...args: unknown[]) => void) | undefined
      method?.call(table, a, b, c, d)
    } catch (error) {
      tell(error)
    }
  }
}
