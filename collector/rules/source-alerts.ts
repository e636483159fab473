/** Alerts on workers over durable logs. */
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { SOURCE_METRICS } from '../../src/telemetry/metrics/source-catalogue.ts'
import { events } from './events.ts'
import { last, PROCESS_DATABASE, series, sum } from './promql.ts'
import type { Alert } from './rule.ts'
import { THRESHOLDS } from './thresholds.ts'

const { sourceLag, sourceLagSeconds, sourceMessages } = SOURCE_METRICS

const SOURCE = 'job, database, source'
const PROCESS_SOURCE = 'job, instance, database, source'

const settled = (shift: string) => sum(PROCESS_SOURCE, last(series(sourceMessages), shift))

const stalled: Alert = {
  comment:
    'The count of settled messages is what it was a while ago, although messages are there. A database that is known to be away has an alert of its own.',
  alert: 'BatchflowSourceStalled',
  expr: `
(
  ${sum(PROCESS_SOURCE, last(series(sourceLag)))} > 0
  and
  ${settled('')}
  ==
  ${settled(` offset ${THRESHOLDS.sourceStalled}s`)}
)
unless on (${PROCESS_DATABASE})
${sum(PROCESS_DATABASE, last(series(METRICS.executorPaused)))} > 0`,
  for: '1m',
  severity: 'critical',
  summary: 'Nothing is read from {{ $labels.source }}',
  description: `{{ $value }} messages of {{ $labels.source }} wait for {{ $labels.job }} on {{ $labels.instance }}, and not one was settled within ${THRESHOLDS.sourceStalled} seconds.`,
}

const late: Alert = {
  alert: 'BatchflowSourceLagHigh',
  expr: `max by (${SOURCE}, partition) (${last(series(sourceLagSeconds))}) > ${THRESHOLDS.sourceLag.alert}`,
  for: '5m',
  severity: 'warning',
  summary: '{{ $labels.job }} is behind in {{ $labels.source }}',
  description: `The oldest message of partition {{ $labels.partition }} of {{ $labels.source }} that {{ $labels.job }} has not settled has been in the log for {{ $value | humanizeDuration }}; for 5 minutes it has been more than ${THRESHOLDS.sourceLag.alert} s.`,
}

const deadLetters: Alert = {
  alert: 'BatchflowSourceDeadLetters',
  expr: events(sourceMessages, SOURCE, 'outcome="dead_lettered"'),
  severity: 'warning',
  summary: 'Messages of {{ $labels.source }} are put aside',
  description:
    '{{ $labels.job }} put about {{ printf "%.0f" $value }} messages of {{ $labels.source }} aside within 10 minutes: they could not be read, or their rows not be written.',
}

export const sourceAlerts: readonly Alert[] = [stalled, late, deadLetters]
