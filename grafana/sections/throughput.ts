import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { BY_TABLE, buckets, mean, rate, select, sum, TABLE_LEGEND } from '../promql.ts'
import type { PanelSpec, Section } from '../spec.ts'

const STATUS_COLOURS = { success: 'green', fail: 'red' }

const accepted = sum(select(METRICS.acceptedRecords))
const settled = (status: string) => sum(select(METRICS.records, { [ATTR.status]: status }))
const unsettled = sum(select(METRICS.unsettledRecords))

const accounts: PanelSpec = {
  kind: 'lines',
  title: { en: 'Row accounting', zh: '行的收支' },
  description: {
    en: 'Rows since the processes started: accepted = committed + failed + unsettled. What is unaccounted for must be 0.',
    zh: '进程启动以来的行数：已接受 = 已提交 + 失败 + 未完成。“不符”必须为 0。',
  },
  unit: 'short',
  scale: 'symlog',
  width: 24,
  colours: { unaccounted: 'red', 不符: 'red' },
  queries: [
    { expr: accepted, legend: { en: 'accepted', zh: '已接受' } },
    { expr: settled('success'), legend: { en: 'committed', zh: '已提交' } },
    { expr: settled('fail'), legend: { en: 'failed', zh: '失败' } },
    { expr: unsettled, legend: { en: 'unsettled', zh: '未完成' } },
    { expr: `${accepted} - ${sum(select(METRICS.records))} - ${unsettled}`, legend: { en: 'unaccounted', zh: '不符' } },
  ],
}

const panels: readonly PanelSpec[] = [
  {
    kind: 'stack',
    title: { en: 'Rows per second by table', zh: '各表写入速率' },
    description: { en: 'Committed rows per second, stacked by table.', zh: '每秒提交成功的行数，按表堆叠。' },
    unit: 'rowsps',
    queries: [{ expr: sum(rate(METRICS.records, { [ATTR.status]: 'success' }), BY_TABLE), legend: TABLE_LEGEND }],
  },
  {
    kind: 'lines',
    title: { en: 'Outcome of rows', zh: '行的结果' },
    description: {
      en: 'Rows per second by their own fate: a failed batch may still have committed most of its rows.',
      zh: '每秒的行数，按每行自身的结果统计：失败的批次也可能提交了其中大部分行。',
    },
    unit: 'rowsps',
    scale: 'symlog',
    colours: STATUS_COLOURS,
    queries: [{ expr: sum(rate(METRICS.records), [ATTR.status]), legend: '{{status}}' }],
  },
  {
    kind: 'stack',
    title: { en: 'Batches per second', zh: '批次吞吐' },
    description: {
      en: 'Settled batches per second. fail: at least one row of the batch was not committed.',
      zh: '每秒完成的批次数。fail 表示该批次至少有一行未提交。',
    },
    unit: 'ops',
    colours: STATUS_COLOURS,
    queries: [{ expr: sum(rate(METRICS.batches), [ATTR.status]), legend: '{{status}}' }],
  },
  {
    kind: 'heatmap',
    title: { en: 'Batch size', zh: '批大小分布' },
    description: {
      en: 'How many rows batches have. The bright band should be at flushSize while the load is high.',
      zh: '批次的行数分布。高负载时，亮带应位于 flushSize 附近。',
    },
    unit: 'short',
    queries: [{ expr: sum(buckets(METRICS.batchSize), ['le']), legend: '{{le}}' }],
  },
  {
    kind: 'lines',
    title: { en: 'Rows per batch', zh: '平均批大小' },
    description: {
      en: 'Mean number of rows of a batch, by table. Far below flushSize under load: look at what sends batches off.',
      zh: '各表每批的平均行数。高负载下远低于 flushSize 时，请查看“刷新触发原因”。',
    },
    unit: 'short',
    queries: [{ expr: mean(METRICS.batchSize, BY_TABLE), legend: TABLE_LEGEND }],
  },
  {
    kind: 'lines',
    title: { en: 'Rows merged away', zh: '合并掉的行' },
    description: {
      en: 'Rows per second merged with another row of the same conflict key before they were written, by strategy.',
      zh: '写入前与同一冲突键的行合并的行数（每秒），按策略统计。',
    },
    unit: 'rowsps',
    noValue: { en: 'no table with conflict keys', zh: '没有带冲突键的表' },
    queries: [
      {
        expr: sum(rate(METRICS.coalescedRecords), [...BY_TABLE, ATTR.strategy]),
        legend: `{{strategy}} ${TABLE_LEGEND}`,
      },
    ],
  },
  accounts,
]

export const throughput: Section = { title: { en: 'Throughput', zh: '吞吐' }, panels }
