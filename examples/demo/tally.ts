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

type Verb = keyof TableMetrics

/** The verbs that are listened to, with what they count. */
const COUNTED: { readonly [V in Verb]?: (counts: Counts, ...args: Parameters<Required<TableMetrics>[V]>) => void } = {
  countBatch: (counts) => {
    counts.batches++
  },
  countRecords: (counts, status, rows) => {
    counts[status === 'success' ? 'committed' : 'failed'] += rows
  },
  countError: (counts, kind) => {
    if (kind === 'retry') counts.retries++
  },
  countCoalesced: (counts, _strategy, rows) => {
    counts.coalesced += rows
  },
}

/** Passes every verb on, also those that are not counted here. */
function counting(counts: Counts, inner: TableMetrics | undefined): TableMetrics {
  return new Proxy(inner ?? ({} as TableMetrics), {
    get: (target, verb: Verb) => {
      const [count, pass] = [COUNTED[verb], target[verb]] as (((...args: unknown[]) => void) | undefined)[]
      return (...args: unknown[]) => {
        count?.(counts, ...args)
        pass?.apply(target, args)
      }
    },
  })
}
