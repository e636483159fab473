import type { FlowProbe, MetricsReporter, TableMetrics } from '../contract/metrics-reporter.ts'
import type { AttemptTrace, BatchTrace, FlowInfo, FlowTracing, Tracing } from '../contract/tracing.ts'
import { Guard } from '../support/guard.ts'

/** What a reporter made of a flow; whatever it throws stays with it. */
export interface GuardedMetrics {
  /** `undefined` when the reporter could make nothing of the table. */
  table(name: string): TableMetrics | undefined
  close(): void
  /** Where its measurements go, as far as it says. */
  readonly destination?: object | undefined
}

/** Opens `reporter` for a flow, unless one of `others` reports to the same place. */
export function openReporter(
  reporter: MetricsReporter | undefined,
  probe: FlowProbe,
  others: readonly GuardedMetrics[],
): GuardedMetrics | undefined {
  const guard = new Guard('the metrics reporter threw; its measurements are incomplete')
  const destination = guard.run(() => reporter?.destination?.())
  if (destination !== undefined && others.some((other) => other.destination === destination)) return undefined
  const metrics = guard.run(() => reporter?.open(probe))
  return (
    metrics && {
      destination,
      table: (name) => {
        const table = guard.run(() => metrics.table(name))
        return table && guardedTable(table, guard)
      },
      close: () => guard.run(() => metrics.close()),
    }
  )
}

/** Every verb: one that is forgotten here does not compile. */
function guardedTable(table: TableMetrics, guard: Guard): Required<TableMetrics> {
  return {
    observeEnqueueLatency: guard.wrap((seconds) => table.observeEnqueueLatency(seconds)),
    observeDequeueLatency: guard.wrap((seconds) => table.observeDequeueLatency(seconds)),
    observeAssembleDuration: guard.wrap((seconds) => table.observeAssembleDuration(seconds)),
    observeAttemptDuration: guard.wrap((...what) => table.observeAttemptDuration?.(...what)),
    observeExecuteDuration: guard.wrap((...what) => table.observeExecuteDuration(...what)),
    observeProcessDuration: guard.wrap((seconds, status) => table.observeProcessDuration(seconds, status)),
    observeBatchSize: guard.wrap((rows) => table.observeBatchSize(rows)),
    countBatch: guard.wrap((status) => table.countBatch(status)),
    countRecords: guard.wrap((status, rows) => table.countRecords(status, rows)),
    countError: guard.wrap((kind, reason) => table.countError(kind, reason)),
    countRejected: guard.wrap((reason, rows) => table.countRejected(reason, rows)),
    countFlush: guard.wrap((trigger) => table.countFlush(trigger)),
    countCoalesced: guard.wrap((strategy, rows) => table.countCoalesced(strategy, rows)),
    countDeadLetters: guard.wrap((reason, rows) => table.countDeadLetters(reason, rows)),
    countSuperseded: guard.wrap((rows) => table.countSuperseded?.(rows)),
    countDeleted: guard.wrap((rows) => table.countDeleted?.(rows)),
    countAccepted: guard.wrap((rows) => table.countAccepted?.(rows)),
    countSentBytes: guard.wrap((bytes) => table.countSentBytes?.(bytes)),
  }
}

/** Opens `tracing` for a flow; one that cannot be opened traces nothing. */
export function openTracing(tracing: Tracing | undefined, flow: FlowInfo): FlowTracing | undefined {
  const guard = new Guard('tracing threw; traces of this flow are incomplete')
  const opened = guard.run(() => tracing?.open(flow))
  return (
    opened && {
      // Once for every row, so without a closure.
      capture: () => {
        try {
          return opened.capture()
        } catch (error) {
          return guard.tell(error)
        }
      },
      captureSpan: () => guard.run(() => opened.captureSpan()),
      startBatch: (batch) => {
        const trace = guard.run(() => opened.startBatch(batch))
        return trace && guard.run(() => guardedBatch(trace, guard))
      },
      startProcess: (messages) => {
        const trace = guard.run(() => opened.startProcess?.(messages))
        return trace && { end: guard.wrap((outcome) => trace.end(outcome)) }
      },
    }
  )
}

function guardedBatch(trace: BatchTrace, guard: Guard): Required<BatchTrace> {
  return {
    spanContext: trace.spanContext,
    context: trace.context,
    within: (act) => within(trace, guard, act),
    startAttempt: (operation, table) => {
      const attempt = guard.run(() => trace.startAttempt(operation, table))
      return attempt && guardedAttempt(attempt, guard)
    },
    outageBegan: guard.wrap((why) => trace.outageBegan?.(why)),
    outageEnded: guard.wrap((wait) => trace.outageEnded?.(wait)),
    end: guard.wrap((outcome) => trace.end(outcome)),
  }
}

function guardedAttempt(trace: AttemptTrace, guard: Guard): AttemptTrace {
  return {
    within: (act) => within(trace, guard, act),
    end: guard.wrap((failure) => trace.end(failure)),
  }
}

type Within = <T>(act: () => T) => T

/** Runs `act` once: within the span if the tracing manages that, else without it. What `act` throws is passed on. */
function within<T>(span: { readonly within: Within }, guard: Guard, act: () => T): T {
  let result: { readonly value: T } | { readonly thrown: unknown } | undefined
  const once = (): T => {
    result ??= resultOf(act)
    if ('thrown' in result) throw result.thrown
    return result.value
  }
  try {
    span.within(once)
  } catch (error) {
    const isOfAct = result !== undefined && 'thrown' in result && result.thrown === error
    if (!isOfAct) guard.tell(error)
  }
  return once()
}

function resultOf<T>(act: () => T): { readonly value: T } | { readonly thrown: unknown } {
  try {
    return { value: act() }
  } catch (thrown) {
    return { thrown }
  }
}
