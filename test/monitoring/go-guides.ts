/**
 * The later guides of the Go library ask for labels and series that are named otherwise here. docs/monitoring.md says how
 * Prometheus translates them; its blocks are what runs in the tests.
 */
import { readFileSync } from 'node:fs'
import type { GuideQuery } from './guide-queries.ts'

const PAGE = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8')

function block(start: string): string {
  const found = [...PAGE.matchAll(/```yaml\n(.+?)```/gs)]
    .map(([, text = '']) => text)
    .find((text) => text.startsWith(start))
  if (found === undefined) throw new Error(`docs/monitoring.md has no block that begins with ${start}`)
  return found
}

/** For a job of `scrape_configs`, indented as there. */
export const GUIDES_RELABELLING = block('metric_relabel_configs:').trimEnd().replaceAll(/^/gm, '    ')

export const GUIDES_RULES = block('groups:')

/** As they stand in docs/guides/monitoring.md, monitoring-quickstart.md and metrics-spec.md of the Go library. */
export const LATER_GUIDE_QUERIES: readonly GuideQuery[] = [
  {
    title: 'Submit 被拒绝的速率',
    expr: 'sum(rate(batchflow_submit_rejected_total[5m])) by (instance_id, reason)',
  },
  {
    title: '队列和背压: batchflow_closed',
    expr: 'sum(rate(batchflow_submit_rejected_total{reason="batchflow_closed"}[5m])) by (instance_id)',
  },
  {
    title: '队列等待 P95',
    expr: 'histogram_quantile(0.95, sum by (le, instance_id) (rate(batchflow_pipeline_dequeue_latency_seconds_bucket[5m])))',
  },
  {
    title: '执行耗时 P95',
    expr: 'histogram_quantile(0.95, sum by (le, instance_id, status) (rate(batchflow_execute_duration_seconds_bucket[5m])))',
  },
  {
    title: '执行耗时 P99',
    expr: 'histogram_quantile(0.99, sum by (le, instance_id, status) (rate(batchflow_execute_duration_seconds_bucket[5m])))',
  },
  {
    title: 'Flush 输入大小 P95',
    expr: 'histogram_quantile(0.95, sum by (le, instance_id) (rate(batchflow_pipeline_flush_size_bucket[5m])))',
  },
  {
    title: '每次 flush 的 schema 组数量 P95',
    expr: 'histogram_quantile(0.95, sum by (le, instance_id) (rate(batchflow_schema_groups_per_flush_bucket[5m])))',
  },
  {
    title: 'operation_generated_items',
    expr: 'histogram_quantile(0.95, sum by (le, instance_id, backend, operation, kind) (rate(batchflow_operation_generated_items_bucket[5m])))',
  },
  {
    title: '最终失败速率',
    expr: 'sum(rate(batchflow_errors_total{error_type=~"final:.*"}[5m])) by (instance_id, error_type)',
  },
  {
    title: 'operation_errors_total',
    expr: 'sum(rate(batchflow_operation_errors_total[5m])) by (instance_id, backend, stage, reason)',
  },
  {
    title: 'sql_errors_total',
    expr: 'sum(rate(batchflow_sql_errors_total[5m])) by (instance_id, stage, reason)',
  },
  {
    title: 'sql_deduplicated_rows_total',
    expr: 'sum(rate(batchflow_sql_deduplicated_rows_total[5m])) by (instance_id, strategy, kind)',
  },
]
