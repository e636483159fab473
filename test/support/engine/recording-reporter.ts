import type { FlowMetrics, FlowProbe, MetricsReporter, TableMetrics } from '../../../src/contract/metrics-reporter.ts'

export type Call = readonly [verb: keyof TableMetrics, table: string, ...args: unknown[]]

/** Writes down what the engine reports. */
export class RecordingReporter implements MetricsReporter {
  readonly calls: Call[] = []
  readonly probes: FlowProbe[] = []
  closed = 0

  open(flow: FlowProbe): FlowMetrics {
    this.probes.push(flow)
    return { table: (name) => this.#table(name), close: () => void this.closed++ }
  }

  /** Arguments of every call of `verb`. */
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
