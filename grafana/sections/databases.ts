import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { mean, orZero, quantile, rate, ratio, sum } from '../promql.ts'
import type { PanelSpec, Section, Text, Unit } from '../spec.ts'

const BY = [ATTR.database]

function compare(title: Text, description: Text, unit: Unit, expr: string): PanelSpec {
  const scale = unit === 's' ? { scale: 'log' as const } : {}
  return { kind: 'lines', width: 6, title, description, unit, ...scale, queries: [{ expr, legend: '{{database}}' }] }
}

const panels: readonly PanelSpec[] = [
  compare(
    { en: 'Rows per second by database', zh: '各数据库写入速率' },
    { en: 'Committed rows per second.', zh: '每秒提交成功的行数。' },
    'rowsps',
    sum(rate(METRICS.records, { [ATTR.status]: 'success' }), BY),
  ),
  compare(
    { en: 'Execute P95 by database', zh: '各数据库执行耗时 P95' },
    { en: 'Retries and back-off included.', zh: '包含重试与退避。' },
    's',
    quantile(0.95, METRICS.executeDuration, BY),
  ),
  compare(
    { en: 'Rows per batch by database', zh: '各数据库平均批大小' },
    { en: 'Mean number of rows of a batch.', zh: '每批的平均行数。' },
    'short',
    mean(METRICS.batchSize, BY),
  ),
  compare(
    { en: 'Failures by database', zh: '各数据库失败率' },
    {
      en: 'Retries and final failures per settled batch.',
      zh: '平均每个已完成批次的重试与最终失败次数。',
    },
    'percentunit',
    ratio(`(${orZero(sum(rate(METRICS.errors), BY), sum(rate(METRICS.batches), BY))})`, sum(rate(METRICS.batches), BY)),
  ),
]

export const databases: Section = { title: { en: 'Databases compared', zh: '数据库对比' }, panels }
