import type { FlowMetrics, FlowProbe, MetricsReporter, TableMetrics } from 'batchflow-otel'

export interface Counts {
  committed: number
  failed: number
  batches: number
  /** Rows merged into others of the same key before they were written. */
  coalesced: number
  retries: number
}

/**
 * Counts for the display what another reporter reports to OpenTelemetry: a reporter may be wrapped around another like
 * any object.
 */
export class Tally implements MetricsReporter {
  readonly #inner: MetricsReporter
  readonly #tables = new Map<string, Counts>()
  #probe: FlowProbe | undefined

  constructor(inner: MetricsReporter) {
    this.#inner = inner
  }

  open(flow: FlowProbe): FlowMetrics | undefined {
    this.#probe = flow
    const inner = this.#inner.open(flow)
    return {
      table: (name) => counting(this.of(name), inner?.table(name)),
      close: () => inner?.close(),
    }
  }

  of(table: string): Counts {
    let counts = this.#tables.get(table)
    if (counts === undefined) {
      counts = { committed: 0, failed: 0, batches: 0, coalesced: 0, retries: 0 }
      this.#tables.set(table, counts)
    }
    return counts
  }

  total(count: keyof Counts): number {
    return Array.from(this.#tables.values()).reduce((sum, counts) => sum + counts[count], 0)
  }

  /** Rows accepted and not yet on their way. */
  get queued(): number {
    return Array.from(this.#probe?.queueLengths() ?? []).reduce((sum, [, rows]) => sum + rows, 0)
  }

  get inflight(): number {
    return this.#probe?.executor.inflight ?? 0
  }
}

function counting(counts: Counts, inner: TableMetrics | undefined): TableMetrics {
  return {
    observeEnqueueLatency: (seconds) => inner?.observeEnqueueLatency(seconds),
    observeDequeueLatency: (seconds) => inner?.observeDequeueLatency(seconds),
    observeAssembleDuration: (seconds) => inner?.observeAssembleDuration(seconds),
    observeExecuteDuration: (seconds, status, reason) => inner?.observeExecuteDuration(seconds, status, reason),
    observeProcessDuration: (seconds, status) => inner?.observeProcessDuration(seconds, status),
    observeBatchSize: (rows) => inner?.observeBatchSize(rows),
    countBatch: (status) => {
      counts.batches++
      inner?.countBatch(status)
    },
    countRecords: (status, rows) => {
      if (status === 'success') counts.committed += rows
      else counts.failed += rows
      inner?.countRecords(status, rows)
    },
    countError: (kind, reason) => {
      if (kind === 'retry') counts.retries++
      inner?.countError(kind, reason)
    },
    countRejected: (reason, rows) => inner?.countRejected(reason, rows),
    countFlush: (trigger) => inner?.countFlush(trigger),
    countCoalesced: (strategy, rows) => {
      counts.coalesced += rows
      inner?.countCoalesced(strategy, rows)
    },
    countDeadLetters: (reason, rows) => inner?.countDeadLetters(reason, rows),
  }
}
