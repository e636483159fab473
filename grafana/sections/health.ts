import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { increase, orZero, quantile, rate, ratio, select, sum } from '../promql.ts'
import { type PanelSpec, type Section, same } from '../spec.ts'

const batches = sum(rate(METRICS.batches))
const retries = orZero(sum(rate(METRICS.errors, { [ATTR.type]: '~retry:.*' })), batches)

const stat = { kind: 'stat', width: 4, noValue: { en: 'idle', zh: '空闲' } } as const

const panels: readonly PanelSpec[] = [
  {
    ...stat,
    width: 3,
    title: { en: 'Waiting for a database', zh: '等待数据库' },
    description: {
      en: 'Executors whose database takes no batch now: it is out of reach, read-only or full. Their rows are kept and wait.',
      zh: '当前数据库无法写入（不可达、只读或空间不足）而暂停的执行器数。相关的行保留在缓冲中等待。',
    },
    unit: 'short',
    steps: [
      [0, 'green'],
      [1, 'red'],
    ],
    queries: [{ expr: sum(select(METRICS.executorPaused)), legend: same('executors') }],
  },
  {
    ...stat,
    title: { en: 'Batches that succeeded', zh: '批次成功率' },
    description: {
      en: 'Share of settled batches in which every row was committed.',
      zh: '已完成批次中，所有行都提交成功的批次所占比例。',
    },
    unit: 'percentunit',
    steps: [
      [0, 'red'],
      [0.99, 'yellow'],
      [0.999, 'green'],
    ],
    queries: [
      { expr: ratio(sum(rate(METRICS.batches, { [ATTR.status]: 'success' })), batches), legend: same('success') },
    ],
  },
  {
    ...stat,
    title: { en: 'Rows committed', zh: '提交行速率' },
    description: { en: 'Rows committed per second, all tables.', zh: '每秒提交成功的行数（所有表）。' },
    unit: 'rowsps',
    queries: [{ expr: sum(rate(METRICS.records, { [ATTR.status]: 'success' })), legend: same('rows') }],
  },
  {
    ...stat,
    width: 3,
    title: { en: 'Rows not committed', zh: '未提交的行数' },
    description: {
      en: 'Rows given up within the time range shown. Right from the first one: this counter starts at 0.',
      zh: '所选时间范围内最终放弃的行数。该计数器从 0 开始，首个失败即可见。',
    },
    unit: 'short',
    steps: [
      [0, 'green'],
      [0.5, 'red'],
    ],
    queries: [{ expr: sum(increase(METRICS.records, { [ATTR.status]: 'fail' })), legend: same('rows') }],
  },
  {
    ...stat,
    width: 3,
    title: { en: 'Execute P99', zh: '执行耗时 P99' },
    description: {
      en: '99 of 100 batches took less than this, retries and back-off included.',
      zh: '99% 的批次耗时低于该值，包含重试与退避。',
    },
    unit: 's',
    steps: [
      [0, 'green'],
      [1, 'yellow'],
      [2, 'red'],
    ],
    queries: [{ expr: quantile(0.99, METRICS.executeDuration), legend: same('p99'), exemplars: true }],
  },
  {
    ...stat,
    title: { en: 'Attempts that were retried', zh: '重试的尝试占比' },
    description: {
      en: 'Retried attempts as a share of all attempts: retries ÷ (settled batches + retries).',
      zh: '被重试的尝试占全部尝试的比例：重试 ÷（已完成批次 + 重试）。',
    },
    unit: 'percentunit',
    steps: [
      [0, 'green'],
      [0.05, 'yellow'],
      [0.1, 'red'],
    ],
    queries: [{ expr: ratio(`(${retries})`, `(${batches} + (${retries}))`), legend: same('retried') }],
  },
  {
    ...stat,
    width: 3,
    title: { en: 'Rows waiting', zh: '等待中的行数' },
    description: {
      en: 'Accepted rows not yet handed to the executor, now. It should rise and fall, not stay high.',
      zh: '当前已入队但尚未交给执行器的行数。应有起伏，而不是持续处于高位。',
    },
    unit: 'short',
    queries: [{ expr: sum(select(METRICS.queueLength)), legend: same('rows') }],
  },
]

export const health: Section = { title: { en: 'Is it healthy?', zh: '是否健康？' }, panels }
