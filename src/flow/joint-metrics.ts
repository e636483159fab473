import type { TableMetrics } from '../contract/metrics-reporter.ts'
import type { GuardedMetrics } from './guarded-observers.ts'

/** What reports to all of them; to a single one nothing stands in between. */
export function jointMetrics(all: readonly GuardedMetrics[]): GuardedMetrics | undefined {
  if (all.length < 2) return all[0]
  return {
    table: (name) => jointTable(all.flatMap((metrics) => metrics.table(name) ?? [])),
    close: () => {
      for (const metrics of all) metrics.close()
    },
  }
}

/** Every verb: one that is forgotten here does not compile. None of `tables` throws. */
function jointTable(tables: readonly TableMetrics[]): TableMetrics | undefined {
  if (tables.length < 2) return tables[0]
  const each = (tell: (table: TableMetrics) => void): void => tables.forEach(tell)
  return {
    observeEnqueueLatency: (seconds) => each((table) => table.observeEnqueueLatency(seconds)),
    observeDequeueLatency: (seconds) => each((table) => table.observeDequeueLatency(seconds)),
    observeAssembleDuration: (seconds) => each((table) => table.observeAssembleDuration(seconds)),
    observeAttemptDuration: (...what) => each((table) => table.observeAttemptDuration?.(...what)),
    observeExecuteDuration: (...what) => each((table) => table.observeExecuteDuration(...what)),
    observeProcessDuration: (seconds, status) => each((table) => table.observeProcessDuration(seconds, status)),
    observeBatchSize: (rows) => each((table) => table.observeBatchSize(rows)),
    countBatch: (status) => each((table) => table.countBatch(status)),
    countRecords: (status, rows) => each((table) => table.countRecords(status, rows)),
    countError: (kind, reason) => each((table) => table.countError(kind, reason)),
    countRejected: (reason, rows) => each((table) => table.countRejected(reason, rows)),
    countFlush: (trigger) => each((table) => table.countFlush(trigger)),
    countCoalesced: (strategy, rows) => each((table) => table.countCoalesced(strategy, rows)),
    countDeadLetters: (reason, rows) => each((table) => table.countDeadLetters(reason, rows)),
    countSuperseded: (rows) => each((table) => table.countSuperseded?.(rows)),
    countDeleted: (rows) => each((table) => table.countDeleted?.(rows)),
    countAccepted: (rows) => each((table) => table.countAccepted?.(rows)),
    countSentBytes: (bytes) => each((table) => table.countSentBytes?.(bytes)),
  } satisfies Required<TableMetrics>
}
