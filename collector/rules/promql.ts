/** PromQL of the rules, made from the metric catalogue. That of the dashboards, which have variables, is in grafana/. */
import { type MetricSpec, prometheusName } from '../../src/telemetry/metrics/catalogue.ts'

/** What an alert about rows is grouped by. */
export const TABLE = 'job, database, table'
/** As `TABLE`, for what can stand still in one process while the others go on. */
export const PROCESS_TABLE = 'job, instance, database, table'
export const PROCESS_DATABASE = 'job, instance, database'

/** @param matchers as PromQL has them, between the braces */
export function series(metric: MetricSpec, matchers = '', suffix = ''): string {
  return `${prometheusName(metric)}${suffix}${matchers === '' ? '' : `{${matchers}}`}`
}

export function sum(by: string, expression: string): string {
  return `sum by (${by}) (${expression})`
}

/** Where a scrape fails, the last value known: an alert that holds must not begin anew for it. */
export function last(selector: string, shift = ''): string {
  return `last_over_time(${selector}[2m]${shift})`
}
