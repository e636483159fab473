import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { rate, select, sum } from '../promql.ts'
import { type PanelSpec, type Section, same } from '../spec.ts'

const BY = [ATTR.database, ATTR.table] as const
const accepted = sum(select(METRICS.acceptedRecords), BY)
const settled = sum(select(METRICS.records), BY)
const unsettled = sum(select(METRICS.unsettledRecords), BY)

const panels: readonly PanelSpec[] = [
  {
    kind: 'lines',
    title: { en: 'Rows unaccounted for', zh: '账目差额' },
    description: {
      en: 'Rows accepted − rows settled − rows unsettled. It is 0 at every scrape, unless something counts wrongly.',
      zh: '已接收行数 − 已完成行数 − 未完成行数。任何时刻都应为 0，否则说明计数有误。',
    },
    unit: 'short',
    queries: [{ expr: `${accepted} - ${settled} - ${unsettled}`, legend: '{{database}} {{table}}' }],
  },
  {
    kind: 'stack',
    title: { en: 'Rows unsettled', zh: '未完成的行数' },
    description: {
      en: 'Accepted rows that wait or are in flight, by table. They fall to 0 when nothing more is submitted.',
      zh: '已接收但仍在等待或在途的行数，按表统计。不再提交时应降到 0。',
    },
    unit: 'short',
    queries: [{ expr: unsettled, legend: '{{database}} {{table}}' }],
  },
  {
    kind: 'lines',
    title: { en: 'Age of the oldest row', zh: '最久未完成行的等待时间' },
    description: {
      en: 'How long the oldest unsettled row of a table has been there. A line that rises steadily is a table that hangs.',
      zh: '各表中最早接收且仍未完成的行已等待多久。持续上升说明该表已停滞。',
    },
    unit: 's',
    queries: [
      {
        expr: `max by (database, table) (${select(METRICS.oldestRecordAge)})`,
        legend: '{{database}} {{table}}',
      },
    ],
  },
  {
    kind: 'stack',
    title: { en: 'Batches in flight by table', zh: '各表在途批次数' },
    description: {
      en: 'Batches executing at the time of the scrape. One table that keeps its batches while others come and go hangs.',
      zh: '抓取瞬间各表正在执行的批次数。若某表的批次一直不结束而其他表正常，说明该表已停滞。',
    },
    unit: 'short',
    width: 12,
    queries: [{ expr: sum(select(METRICS.tableInflightBatches), BY), legend: '{{database}} {{table}}' }],
  },
  {
    kind: 'lines',
    title: { en: 'Bytes sent', zh: '发送字节速率' },
    description: {
      en: 'Bytes handed to the client per second, repeated attempts included. Drivers that do not know show nothing.',
      zh: '每秒交给客户端的字节数，包含重试。无法得知字节数的驱动不显示。',
    },
    unit: 'Bps',
    width: 12,
    noValue: same('–'),
    queries: [{ expr: sum(rate(METRICS.sentBytes), BY), legend: '{{database}} {{table}}' }],
  },
]

export const accounts: Section = {
  title: { en: 'Rows: are all accounted for?', zh: '行账目：每一行都有去向吗？' },
  panels,
}
