import { METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { BY_TABLE, rate, select, sum, TABLE_LEGEND } from '../promql.ts'
import type { PanelSpec, Section } from '../spec.ts'

const panels: readonly PanelSpec[] = [
  {
    kind: 'stack',
    title: { en: 'Batches in flight by table', zh: '各表在途批次数' },
    description: {
      en: 'Batches executing at the time of the scrape. One table that keeps its batches while others come and go hangs.',
      zh: '抓取瞬间各表正在执行的批次数。若某表的批次一直不结束而其他表正常，说明该表已停滞。',
    },
    unit: 'short',
    queries: [{ expr: sum(select(METRICS.tableInflightBatches), BY_TABLE), legend: TABLE_LEGEND }],
  },
  {
    kind: 'lines',
    title: { en: 'Bytes sent', zh: '发送字节速率' },
    description: {
      en: 'Bytes handed to the client per second, repeated attempts included. Drivers that do not know show nothing.',
      zh: '每秒交给客户端的字节数，包含重试。无法得知字节数的驱动不显示。',
    },
    unit: 'Bps',
    noValue: { en: 'no driver that knows', zh: '没有可提供字节数的驱动' },
    queries: [{ expr: sum(rate(METRICS.sentBytes), BY_TABLE), legend: TABLE_LEGEND }],
  },
  {
    kind: 'lines',
    title: { en: 'Deleted rows', zh: '删除的行' },
    description: {
      en: 'Deletions carried out per second, by table, whether there was such a row or not.',
      zh: '各表每秒执行的删除数，无论那行是否存在。',
    },
    unit: 'rowsps',
    noValue: { en: 'no table with deletes', zh: '没有使用 deletes 的表' },
    queries: [{ expr: sum(rate(METRICS.deletedRecords), BY_TABLE), legend: TABLE_LEGEND }],
  },
]

export const accounts: Section = {
  title: { en: 'On the way to the database', zh: '发往数据库途中' },
  panels,
}
