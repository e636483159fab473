import { THRESHOLDS } from '../../collector/rules/thresholds.ts'
import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { BY_TABLE, type Label, orZero, quantile, rate, ratio, sum, TABLE_LEGEND } from '../promql.ts'
import { type PanelSpec, type Section, same } from '../spec.ts'

const alive = sum(rate(METRICS.batches))

function errors(type: string, by: readonly Label[] = []): string {
  return sum(rate(METRICS.errors, { [ATTR.type]: type }), by)
}

const panels: readonly PanelSpec[] = [
  {
    kind: 'lines',
    title: { en: 'Retries by table and reason, top 5', zh: '各表按原因的重试速率 Top5' },
    description: {
      en: 'Retried attempts per second. processor_timeout is our own limit per attempt, timeout that of the database.',
      zh: '每秒被重试的尝试数。processor_timeout 为自身的单次尝试时限，timeout 为数据库侧超时。',
    },
    unit: 'eps',
    noValue: { en: 'no retries', zh: '没有重试' },
    queries: [
      { expr: `topk(5, ${errors('~retry:.*', [...BY_TABLE, ATTR.type])})`, legend: `{{type}} ${TABLE_LEGEND}` },
    ],
  },
  {
    kind: 'stack',
    title: { en: 'Final failures by reason', zh: '最终失败原因分布' },
    description: {
      en: 'Batches, or rows of a batch, given up per second.',
      zh: '每秒最终放弃的批次（或批内的行），按原因统计。',
    },
    unit: 'eps',
    noValue: { en: 'no failures', zh: '没有失败' },
    queries: [{ expr: errors('~final:.*', [ATTR.type]), legend: '{{type}}' }],
  },
  {
    kind: 'lines',
    title: { en: 'Caller gave up, or our own timeout', zh: '上下文取消与内部超时' },
    description: {
      en: 'final:context: the caller aborted. retry:processor_timeout: an attempt exceeded withTimeout and was repeated.',
      zh: 'final:context：外层取消或超时；retry:processor_timeout：单次尝试超过 withTimeout 后被重试。',
    },
    unit: 'eps',
    queries: [
      { expr: orZero(errors('final:context'), alive), legend: same('final:context') },
      { expr: orZero(errors('retry:processor_timeout'), alive), legend: same('retry:processor_timeout') },
    ],
  },
  {
    kind: 'lines',
    title: { en: 'Retry share of failures by table', zh: '重试占比按表统计' },
    description: {
      en: 'Of all failures, the share that was worth a retry. Low: failures are final, a retry policy will not help.',
      zh: '全部失败中可重试部分的占比。占比低说明失败多为最终失败，重试策略无济于事。',
    },
    unit: 'percentunit',
    max: 1,
    noValue: { en: 'no failures', zh: '没有失败' },
    queries: [
      {
        expr: ratio(errors('~retry:.*', BY_TABLE), errors('~(retry:|final:).*', BY_TABLE)),
        legend: TABLE_LEGEND,
      },
    ],
  },
  {
    kind: 'lines',
    title: { en: 'Tail: execute P99 by table', zh: '单表尾部：执行耗时 P99' },
    description: {
      en: 'Retries and back-off are in it, so this is where they are paid for. The dots are exemplars.',
      zh: '已包含重试与退避，可据此评估重试对尾部延迟的影响。圆点为 exemplar。',
    },
    unit: 's',
    scale: 'log',
    steps: [
      [0, 'green'],
      [THRESHOLDS.execute.warn, 'dark-orange'],
      [THRESHOLDS.execute.alert, 'red'],
    ],
    queries: [{ expr: quantile(0.99, METRICS.executeDuration, BY_TABLE), legend: TABLE_LEGEND, exemplars: true }],
  },
  {
    kind: 'lines',
    title: { en: 'Tail amplification by table', zh: '单表尾部放大' },
    description: {
      en: 'Execute P99 ÷ P50. A few is normal; tens mean that a minority of batches is retried or locked out.',
      zh: '执行耗时 P99 ÷ P50。数倍属正常；数十倍说明少数批次在重试或被锁阻塞。',
    },
    unit: 'short',
    scale: 'log',
    queries: [
      {
        expr: ratio(
          quantile(0.99, METRICS.executeDuration, BY_TABLE),
          quantile(0.5, METRICS.executeDuration, BY_TABLE),
        ),
        legend: TABLE_LEGEND,
      },
    ],
  },
  {
    kind: 'stack',
    title: { en: 'Dead letters', zh: '死信' },
    description: {
      en: 'Rows per second handed to the dead-letter handler, by table and reason.',
      zh: '每秒交给死信处理器的行数，按表与原因统计。',
    },
    unit: 'rowsps',
    width: 12,
    noValue: { en: 'none', zh: '没有' },
    queries: [
      { expr: sum(rate(METRICS.deadLetters), [...BY_TABLE, ATTR.reason]), legend: `{{reason}} ${TABLE_LEGEND}` },
    ],
  },
  {
    kind: 'lines',
    title: { en: 'Rows not committed by table', zh: '各表未提交的行' },
    description: {
      en: 'Rows per second given up, whether or not a dead-letter handler took them.',
      zh: '每秒最终放弃的行数，无论是否有死信处理器接收。',
    },
    unit: 'rowsps',
    width: 12,
    queries: [{ expr: sum(rate(METRICS.records, { [ATTR.status]: 'fail' }), BY_TABLE), legend: TABLE_LEGEND }],
  },
]

export const failures: Section = {
  title: { en: 'Retries and final failures: why not?', zh: '重试与最终失败' },
  panels,
}
