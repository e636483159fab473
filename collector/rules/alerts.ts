/** The alerts, from the most urgent downwards: that is their order in the runbook, too. */
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { events } from './events.ts'
import { last, PROCESS_DATABASE, PROCESS_TABLE, series, sum, TABLE } from './promql.ts'
import type { Alert, Group } from './rule.ts'
import { sourceAlerts } from './source-alerts.ts'
import { THRESHOLDS } from './thresholds.ts'

const oldest = `max by (${PROCESS_TABLE}) (${last(series(METRICS.oldestRecordAge))})`
const settled = (shift: string) => sum(PROCESS_TABLE, last(series(METRICS.records), shift))
const paused = `${sum(PROCESS_DATABASE, last(series(METRICS.executorPaused)))} > 0`

const stalled: Alert = {
  comment:
    'The count of settled rows is what it was a while ago, although a row has been waiting for as long. A database that is known to be away has an alert of its own.',
  alert: 'BatchflowStalled',
  expr: `
(
  ${oldest} > ${THRESHOLDS.stalled.alert}
  and
  ${settled('')}
  ==
  ${settled(` offset ${THRESHOLDS.stalled.alert}s`)}
)
unless on (${PROCESS_DATABASE})
${paused}`,
  for: '30s',
  severity: 'critical',
  summary: 'Rows of {{ $labels.table }} wait, and none is settled',
  description: `The oldest row of table {{ $labels.table }} ({{ $labels.database }}) in {{ $labels.job }} on {{ $labels.instance }} has been waiting for {{ $value | humanizeDuration }}, and not one row was settled within ${THRESHOLDS.stalled.alert} seconds.`,
}

const tooOld: Alert = {
  alert: 'BatchflowOldestRowTooOld',
  expr: `
${oldest} > ${THRESHOLDS.oldestRow.alert}
unless on (${PROCESS_DATABASE})
${paused}`,
  for: '30s',
  severity: 'warning',
  summary: 'A row of {{ $labels.table }} does not get through',
  description:
    'The oldest row of table {{ $labels.table }} ({{ $labels.database }}) in {{ $labels.job }} on {{ $labels.instance }} has been waiting for {{ $value | humanizeDuration }}.',
}

const unreachable: Alert = {
  comment:
    'The last value known, so that a scrape that fails in the middle of an outage does not start the minute anew.',
  alert: 'BatchFlowDatabaseUnreachable',
  expr: paused,
  for: '1m',
  severity: 'critical',
  summary: '{{ $labels.database }} takes no batch of {{ $labels.job }}',
  description:
    '{{ $value }} executors of {{ $labels.job }} on {{ $labels.instance }} have been waiting for {{ $labels.database }} for more than a minute: it cannot be reached or logged in to, is read-only, or is out of space. Rows are kept and callers held back, until maxOutage is over.',
}

const finalFailures: Alert = {
  alert: 'BatchflowFinalFailures',
  expr: events(METRICS.errors, `${TABLE}, type`, 'type=~"final:.+", type!="final:context"'),
  severity: 'warning',
  summary: 'Batches of {{ $labels.table }} are given up',
  description:
    '{{ $labels.job }} gave up about {{ printf "%.0f" $value }} batches of table {{ $labels.table }} ({{ $labels.database }}) within 10 minutes, reason {{ $labels.type }}. Rows of them are not committed.',
}

const deadLetters: Alert = {
  alert: 'BatchflowDeadLetters',
  expr: events(METRICS.deadLetters, `${TABLE}, reason`),
  severity: 'warning',
  summary: 'Rows of {{ $labels.table }} went to the dead-letter handler',
  description:
    '{{ $labels.job }} handed about {{ printf "%.0f" $value }} rows of table {{ $labels.table }} ({{ $labels.database }}) to its dead-letter handler within 10 minutes, reason {{ $labels.reason }}.',
}

const rejected: Alert = {
  alert: 'BatchflowSubmitsRejected',
  expr: events(METRICS.submitRejected, `${TABLE}, reason`, 'reason!="context"'),
  severity: 'warning',
  summary: 'Rows of {{ $labels.table }} are refused',
  description:
    '{{ $labels.job }} had about {{ printf "%.0f" $value }} rows of table {{ $labels.table }} ({{ $labels.database }}) refused within 10 minutes, reason {{ $labels.reason }}. They were never accepted.',
}

const retries: Alert = {
  alert: 'BatchflowRetryRatioHigh',
  expr: `job_database_table:batchflow_retries:ratio_rate5m > ${THRESHOLDS.retries.alert}`,
  for: '10m',
  severity: 'warning',
  summary: 'Many attempts at {{ $labels.table }} are retried',
  description:
    '{{ $value | humanizePercentage }} of the attempts of {{ $labels.job }} at table {{ $labels.table }} ({{ $labels.database }}) failed and were repeated, for more than 10 minutes.',
}

const saturated: Alert = {
  alert: 'BatchflowQueueSaturated',
  expr: `job_database_table:batchflow_enqueue_latency_seconds:p95_rate5m > ${THRESHOLDS.enqueue.alert}`,
  for: '10m',
  severity: 'warning',
  summary: 'Callers wait to hand over rows of {{ $labels.table }}',
  description:
    'The buffer is full: one in twenty calls of submit for table {{ $labels.table }} ({{ $labels.database }}) in {{ $labels.job }} waits {{ $value | humanizeDuration }} or longer, for more than 10 minutes.',
}

const slow: Alert = {
  alert: 'BatchflowExecuteP99High',
  expr: `job_database_table:batchflow_execute_duration_seconds:p99_rate5m > ${THRESHOLDS.execute.alert}`,
  for: '10m',
  severity: 'warning',
  summary: 'Batches of {{ $labels.table }} are slow',
  description: `More than one in a hundred batches of table {{ $labels.table }} ({{ $labels.database }}) in {{ $labels.job }} has taken longer than ${THRESHOLDS.execute.alert} s for 10 minutes; the P99 is about {{ $value | humanizeDuration }}.`,
}

const unaccounted: Alert = {
  alert: 'BatchflowRowsUnaccounted',
  expr: `
abs(
  ${sum(PROCESS_TABLE, series(METRICS.acceptedRecords))}
  -
  ${sum(PROCESS_TABLE, series(METRICS.records))}
  -
  ${sum(PROCESS_TABLE, series(METRICS.unsettledRecords))}
) > 0`,
  for: '5m',
  severity: 'critical',
  summary: 'Rows of {{ $labels.table }} are not accounted for',
  description:
    '{{ $value }} rows of table {{ $labels.table }} ({{ $labels.database }}) that {{ $labels.job }} on {{ $labels.instance }} accepted are neither settled nor unsettled, or more than it accepted are.',
}

const known = (window: string) => `last_over_time(${series(METRICS.executorConcurrency)}[${window}])`

const targetDown: Alert = {
  comment:
    'A target that served BatchFlow within a day cannot be scraped; or, where applications send their metrics, nothing has come from a service that sent some within the hour.',
  alert: 'BatchflowTargetDown',
  expr: `
(up == 0 and on (job, instance) ${known('1d')})
or
(group by (job) (${known('1h')}) unless group by (job) (${known('2m')}) unless on (job) up)`,
  for: '2m',
  severity: 'critical',
  summary: 'Nothing is known of {{ $labels.job }}',
  description:
    'No metrics come from {{ $labels.job }} {{ $labels.instance }}: the process, its page or the way to it is down. No other alert can fire for it.',
}

export const alerts: Group = {
  name: 'batchflow-alerts',
  rules: [
    stalled,
    tooOld,
    unreachable,
    finalFailures,
    deadLetters,
    rejected,
    retries,
    saturated,
    slow,
    ...sourceAlerts,
    unaccounted,
    targetDown,
  ],
}
