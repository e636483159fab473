import type { FlowMetrics, FlowProbe, MetricsReporter, TableMetrics } from '../contract/metrics-reporter.ts'

/** What a flow reported: the verb, the table, and what the verb was called with. Durations are in seconds. */
export type RecordedCall = readonly [verb: keyof TableMetrics, table: string, ...args: unknown[]]

/** Writes down what flows report, in order. Give it to `executor.withMetricsReporter` before `new BatchFlow`. */
export class RecordingReporter implements MetricsReporter {
  readonly calls: RecordedCall[] = []
  /** What it may ask the flows that were opened, see {@link FlowProbe}. */
  readonly probes: FlowProbe[] = []
  /** Flows that were closed. */
  closed = 0

  open(flow: FlowProbe): FlowMetrics {
    this.probes.push(flow)
    return { table: (name) => this.#table(name), close: () => void this.closed++ }
  }

  /** The arguments of every call of `verb`, in order. */
  of(verb: keyof TableMetrics): unknown[][] {
    return this.calls.filter(([name]) => name === verb).map(([, , ...args]) => args)
  }

  #table(table: string): TableMetrics {
    const record = (_: object, verb: string | symbol) => {
      return (...args: unknown[]) => {
        while (args.length > 0 && args.at(-1) === undefined) args.pop()
        this.calls.push([verb as keyof TableMetrics, table, ...args])
      }
    }
    return new Proxy<TableMetrics>(Object.create(null), { get: record })
  }
}
