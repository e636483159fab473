import { THRESHOLDS } from '../../collector/rules/thresholds.ts'
import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { SOURCE_METRICS as SOURCE } from '../../src/telemetry/metrics/source-catalogue.ts'
import { BY_TABLE, type Label, max, rate, select, sum, TABLE_LEGEND } from '../promql.ts'
import type { PanelSpec, Section } from '../spec.ts'

const BY_SOURCE: readonly Label[] = ['job', ATTR.source]
const BY_PARTITION: readonly Label[] = [...BY_SOURCE, ATTR.partition]
const SOURCE_LEGEND = '{{source}} ({{job}})'
const PARTITION_LEGEND = '{{partition}} ({{source}}, {{job}})'

const panel = { kind: 'lines', noValue: { en: 'no durable log is read', zh: '未读取任何持久日志' } } as const

const panels: readonly PanelSpec[] = [
  {
    ...panel,
    title: { en: 'Lag by partition', zh: '各分区积压' },
    description: {
      en: 'Messages in the log that are not settled, those in flight included. A line that only rises: the worker is too slow, or stands still.',
      zh: '日志中尚未处理完的消息数，包含处理中的消息。持续上升说明消费者跟不上或已停滞。',
    },
    unit: 'short',
    scale: 'symlog',
    queries: [{ expr: sum(select(SOURCE.sourceLag), BY_PARTITION), legend: PARTITION_LEGEND }],
  },
  {
    ...panel,
    title: { en: 'Age of the oldest message', zh: '最老消息的等待时间' },
    description: {
      en: 'How long the oldest message of a partition that is not settled has been in the log, where the log tells.',
      zh: '各分区中最老的未处理消息在日志中停留的时间（仅限可提供该信息的日志）。',
    },
    unit: 's',
    scale: 'symlog',
    steps: [
      [0, 'green'],
      [THRESHOLDS.sourceLag.warn, 'dark-orange'],
      [THRESHOLDS.sourceLag.alert, 'red'],
    ],
    queries: [{ expr: max(select(SOURCE.sourceLagSeconds), BY_PARTITION), legend: PARTITION_LEGEND }],
  },
  {
    ...panel,
    title: { en: 'Messages by outcome', zh: '消息的结果' },
    description: {
      en: 'Messages settled per second. dead_lettered: put aside, unreadable or refused; dropped: left out, as their rows had been committed before.',
      zh: '每秒处理完的消息数。dead_lettered：无法解析或被拒绝而转入死信；dropped：其行此前已提交，故跳过。',
    },
    unit: 'mps',
    scale: 'symlog',
    colours: { committed: 'green', dead_lettered: 'red', dropped: 'dark-orange' },
    queries: [{ expr: sum(rate(SOURCE.sourceMessages), [ATTR.outcome]), legend: '{{outcome}}' }],
  },
  {
    ...panel,
    title: { en: 'Messages delivered again', zh: '重复投递的消息' },
    description: {
      en: 'Per second. Some after a restart or a change of owners are normal; all the time they say that messages take longer than the log waits for them.',
      zh: '每秒的数量。重启或分区易主后出现一些属于正常；持续出现说明处理时间超过了日志的等待时限。',
    },
    unit: 'mps',
    queries: [{ expr: sum(rate(SOURCE.sourceRedelivered), BY_SOURCE), legend: SOURCE_LEGEND }],
  },
  {
    ...panel,
    title: { en: 'Partitions owned', zh: '持有的分区' },
    description: {
      en: 'By process. Together they are all partitions of the log; one that nobody owns is read by nobody.',
      zh: '按进程统计。各进程之和应等于日志的全部分区；无人持有的分区不会被读取。',
    },
    unit: 'short',
    queries: [
      {
        expr: sum(select(SOURCE.sourcePartitions), ['job', 'instance', ATTR.source]),
        legend: '{{source}} ({{job}} {{instance}})',
      },
    ],
  },
  {
    ...panel,
    title: { en: 'Superseded rows', zh: '被更新值取代的行' },
    description: {
      en: 'Rows per second that changed nothing, as they were not newer than what is stored. Many of them: messages come again, or out of order.',
      zh: '每秒因不比已存储的值更新而未产生变更的行数。数量多说明消息重复或乱序。',
    },
    unit: 'rowsps',
    noValue: { en: 'no table with newer', zh: '没有使用 newer 的表' },
    queries: [{ expr: sum(rate(METRICS.supersededRecords), BY_TABLE), legend: TABLE_LEGEND }],
  },
]

export const sources: Section = { title: { en: 'Sources: durable logs', zh: '来源：持久日志' }, panels }
