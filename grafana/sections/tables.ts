import { BURN_RATES, OBJECTIVES, THRESHOLDS } from '../../collector/rules/thresholds.ts'
import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { BY_TABLE as BY, max, mean, orZero, quantile, rate, ratio, select, sum } from '../promql.ts'
import { type PanelSpec, type Section, type Steps, same, type Text, type Unit } from '../spec.ts'

interface Column {
  readonly name: Text
  readonly unit: Unit
  readonly steps?: Steps
  readonly expr: string
}

const alive = sum(rate(METRICS.batches), BY)

const columns: readonly Column[] = [
  {
    name: { en: 'Rows committed', zh: '提交行速率' },
    unit: 'rowsps',
    expr: sum(rate(METRICS.records, { [ATTR.status]: 'success' }), BY),
  },
  {
    name: { en: 'Rows not committed', zh: '未提交行速率' },
    unit: 'rowsps',
    steps: [
      [0, 'text'],
      [1e-9, 'red'],
    ],
    expr: sum(rate(METRICS.records, { [ATTR.status]: 'fail' }), BY),
  },
  {
    name: { en: 'Batches that succeeded', zh: '批次成功率' },
    unit: 'percentunit',
    steps: [
      [0, 'red'],
      [1 - BURN_RATES.fast[0].rate * (1 - OBJECTIVES.committed), 'dark-orange'],
      [OBJECTIVES.committed, 'green'],
    ],
    expr: ratio(sum(rate(METRICS.batches, { [ATTR.status]: 'success' }), BY), alive),
  },
  {
    name: { en: 'Retries', zh: '重试' },
    unit: 'eps',
    expr: orZero(sum(rate(METRICS.errors, { [ATTR.type]: '~retry:.*' }), BY), alive),
  },
  {
    name: { en: 'Execute P99', zh: '执行耗时 P99' },
    unit: 's',
    steps: [
      [0, 'green'],
      [THRESHOLDS.execute.warn, 'dark-orange'],
      [THRESHOLDS.execute.alert, 'red'],
    ],
    expr: quantile(0.99, METRICS.executeDuration, BY),
  },
  { name: { en: 'Rows per batch', zh: '平均批大小' }, unit: 'short', expr: mean(METRICS.batchSize, BY) },
  { name: { en: 'Rows waiting', zh: '等待行数' }, unit: 'short', expr: sum(select(METRICS.queueLength), BY) },
  {
    name: { en: 'Oldest row', zh: '最老的行' },
    unit: 's',
    steps: [
      [0, 'green'],
      [THRESHOLDS.oldestRow.warn, 'dark-orange'],
      [THRESHOLDS.oldestRow.alert, 'red'],
    ],
    expr: max(select(METRICS.oldestRecordAge), BY),
  },
]

const panel: PanelSpec = {
  kind: 'table',
  title: { en: 'Tables', zh: '各表一览' },
  description: {
    en: 'Every table at a glance, now. Click a table to narrow the whole dashboard down to it, or to search its traces.',
    zh: '各表当前概览。点击表名可将整个面板聚焦到该表，或检索其链路。',
  },
  unit: 'short',
  width: 24,
  columns,
  queries: columns.map(({ expr }) => ({ expr, legend: same('') })),
}

export const tables: Section = { title: { en: 'Table by table', zh: '逐表查看' }, panels: [panel] }
