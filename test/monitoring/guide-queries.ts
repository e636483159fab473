/**
 * The queries that users of the Go library know from its monitoring guide, as they stand there. Two have a remark behind
 * them, which is not PromQL and is left out.
 */
export interface GuideQuery {
  readonly title: string
  readonly expr: string
}

export const GUIDE_QUERIES: readonly GuideQuery[] = [
  {
    title: '各表按原因的重试速率 Top5（近5m）',
    expr: 'topk(5, sum by (table, type) (rate(batchflow_errors_total{type=~"retry:.*"}[5m])))',
  },
  {
    title: '最终失败原因分布（近5m）',
    expr: 'sum by (type) (rate(batchflow_errors_total{type=~"final:.*"}[5m]))',
  },
  {
    title: '成功率（近5m）',
    expr: `sum(rate(batchflow_batches_total{status="success"}[5m]))
/
sum(rate(batchflow_batches_total[5m]))`,
  },
  {
    title: '执行耗时 P95（包含重试与退避）',
    expr: 'histogram_quantile(0.95, sum by (table, le) (rate(batchflow_execute_duration_seconds_bucket[5m])))',
  },
  {
    title: '外层 ctx 取消/超时',
    expr: 'sum(rate(batchflow_errors_total{type="final:context"}[5m]))',
  },
  {
    title: '处理器内部超时（基于 cause）',
    expr: 'sum(rate(batchflow_errors_total{type="retry:processor_timeout"}[5m]))',
  },
  {
    title: '重试占比按表统计（近15m）',
    expr: `sum by (table) (rate(batchflow_errors_total{type=~"retry:.*"}[15m]))
/
sum by (table) (rate(batchflow_errors_total{type=~"(retry:|final:).*"}[15m]))`,
  },
  {
    title: '单表尾部放大监控（P99）',
    expr: 'histogram_quantile(0.99, sum by (table, le) (rate(batchflow_execute_duration_seconds_bucket[5m])))',
  },
]
