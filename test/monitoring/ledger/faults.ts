/**
 * Faults that are put into what a load reports, never into the library: each must be found by the audit, or the audit is
 * worth nothing.
 */
import { type Context, TraceFlags, trace } from '@opentelemetry/api'
import { createDenyListAttributesProcessor, type ViewOptions } from '@opentelemetry/sdk-metrics'
import type { MetricsReporter, TableMetrics } from 'batchflow-otel'
import { ATTR, METRICS } from '../../../src/telemetry/metrics/catalogue.ts'

type Tamper = (table: TableMetrics) => Partial<TableMetrics>

export interface Fault {
  readonly title: string
  /** What is done to the recorder of a table. */
  readonly tamper?: Tamper
  readonly views?: readonly ViewOptions[]
  /** A problem that the audit must name, whatever else it names. */
  readonly found: RegExp
}

export const FAULTS: Readonly<Record<string, Fault>> = {
  'doubled-batches': {
    title: 'every batch is counted twice',
    tamper: (table) => ({
      countBatch(status) {
        table.countBatch(status)
        table.countBatch(status)
      },
    }),
    found: /^batchflow_batches_total\{/,
  },
  'tripled-records': {
    title: 'every row is counted three times',
    tamper: (table) => ({ countRecords: (status, rows) => table.countRecords(status, 3 * rows) }),
    found: /^batchflow_records_total\{/,
  },
  'reversed-trace-ids': {
    title: 'exemplars name trace ids that are read backwards',
    tamper: (table) => ({
      observeExecuteDuration: (seconds, status, reason, batch) =>
        table.observeExecuteDuration(seconds, status, reason, batch && backwards(batch)),
    }),
    found: /^exemplar .* no such span/,
  },
  'dropped-status': {
    title: 'the label status is lost on its way',
    views: [
      {
        instrumentName: METRICS.batches.name,
        attributesProcessors: [createDenyListAttributesProcessor([ATTR.status])],
      },
    ],
    found: /^batchflow_batches_total\{/,
  },
  milliseconds: {
    title: 'durations are in milliseconds',
    tamper: (table) => ({
      observeExecuteDuration: (seconds, ...what) => table.observeExecuteDuration(seconds * 1000, ...what),
      observeProcessDuration: (seconds, status) => table.observeProcessDuration(seconds * 1000, status),
    }),
    found: /^batchflow_execute_duration_seconds_sum\{/,
  },
}

/** @throws when there is no such fault */
export function faultOf(name: string): Fault {
  const fault = FAULTS[name]
  if (fault === undefined) throw new Error(`no fault ${name}`)
  return fault
}

/** The reporter with the fault in it. */
export function tampered(reporter: MetricsReporter, tamper: Tamper): MetricsReporter {
  return {
    open(flow) {
      const opened = reporter.open(flow)
      if (opened === undefined) return undefined
      return { close: () => opened.close(), table: (name) => over(opened.table(name), tamper) }
    },
  }
}

/** A Proxy, so that every verb there is or will be goes through. */
function over(table: TableMetrics, tamper: Tamper): TableMetrics {
  const changes = tamper(table)
  return new Proxy(table, {
    get(target, verb) {
      const change: unknown = Reflect.get(changes, verb)
      if (change !== undefined) return change
      const value: unknown = Reflect.get(target, verb)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function backwards(batch: Context): Context {
  const span = trace.getSpanContext(batch)
  if (span === undefined) return batch
  const traceId = [...span.traceId].reverse().join('')
  return trace.setSpanContext(batch, { ...span, traceId, traceFlags: TraceFlags.SAMPLED })
}
