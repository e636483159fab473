import { THRESHOLDS } from '../../collector/rules/thresholds.ts'
import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { max, quantile, rate, select, sum } from '../promql.ts'
import type { PanelSpec, Section } from '../spec.ts'

const BY = ['job', 'instance'] as const
const panel = { kind: 'lines', width: 6 } as const
const legend = '{{job}} {{instance}}'

const panels: readonly PanelSpec[] = [
  {
    ...panel,
    title: { en: 'Rows per second by process', zh: '各进程写入速率' },
    description: {
      en: 'Committed rows per second. One process far below the others: is it its load, its network or its host?',
      zh: '每秒提交成功的行数。某个进程明显低于其他进程时，请检查其负载、网络或主机。',
    },
    unit: 'rowsps',
    queries: [{ expr: sum(rate(METRICS.records, { [ATTR.status]: 'success' }), BY), legend }],
  },
  {
    ...panel,
    title: { en: 'Execute P99 by process', zh: '各进程执行耗时 P99' },
    description: { en: 'Retries and back-off included.', zh: '包含重试与退避。' },
    unit: 's',
    scale: 'log',
    steps: [
      [0, 'green'],
      [THRESHOLDS.execute.warn, 'dark-orange'],
      [THRESHOLDS.execute.alert, 'red'],
    ],
    queries: [{ expr: quantile(0.99, METRICS.executeDuration, BY), legend }],
  },
  {
    ...panel,
    title: { en: 'Unsettled rows by process', zh: '各进程未完成的行数' },
    description: {
      en: 'Rows that would be lost if the process died now.',
      zh: '进程此刻崩溃将会丢失的行数。',
    },
    unit: 'short',
    queries: [{ expr: sum(select(METRICS.unsettledRecords), BY), legend }],
  },
  {
    ...panel,
    title: { en: 'Oldest row by process', zh: '各进程最老的行' },
    description: {
      en: 'How long the oldest row that is not settled has been waiting.',
      zh: '最老的未完成行已等待的时间。',
    },
    unit: 's',
    steps: [
      [0, 'green'],
      [THRESHOLDS.oldestRow.warn, 'dark-orange'],
      [THRESHOLDS.oldestRow.alert, 'red'],
    ],
    queries: [{ expr: max(select(METRICS.oldestRecordAge), BY), legend }],
  },
]

export const processes: Section = { title: { en: 'Processes compared', zh: '进程对比' }, panels }
