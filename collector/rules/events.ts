/** Single events, of which the first one counts. */
import { METRICS, type MetricSpec } from '../../src/telemetry/metrics/catalogue.ts'
import { series } from './promql.ts'

/**
 * Events of the last ten minutes, the first of all included. A series that begins with its first event has never grown
 * as `increase` sees it; it counts from 0 where its process was looked at before it was there. It does not where it was
 * merely never looked at: after a gap, or by a new Prometheus.
 */
export function events(metric: MetricSpec, by: string, matchers = ''): string {
  const selector = series(metric, matchers)
  const looks = `max by (job, instance) (count_over_time(${series(METRICS.executorConcurrency)}[10m]))`
  return `
sum by (${by}) (
  (
    (${selector} unless ${selector} offset 10m)
    and
    count_over_time(${selector}[10m]) < on (job, instance) group_left () ${looks}
  )
  or
  increase(${selector}[10m])
) > 0`
}
