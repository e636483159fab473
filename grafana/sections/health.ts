import { BURN_RATES, OBJECTIVES, THRESHOLDS } from '../../collector/rules/thresholds.ts'
import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { increase, type Label, max, orZero, quantile, rate, ratio, select, sum } from '../promql.ts'
import { type PanelSpec, type Section, same } from '../spec.ts'

const batches = sum(rate(METRICS.batches))
const retries = orZero(sum(rate(METRICS.errors, { [ATTR.type]: '~retry:.*' })), batches)

/** That nothing is settled is no good news by itself: whether rows wait meanwhile is in the first panels. */
const stat = { kind: 'stat', width: 3, noValue: { en: 'nothing settled', zh: '没有完成的批次' } } as const

const EACH: readonly Label[] = ['job', 'instance', ATTR.database, ATTR.table]
const records = (shift: string) => sum(`${select(METRICS.records)}${shift}`, EACH)
const oldest = select(METRICS.oldestRecordAge)
const { stalled } = THRESHOLDS
const standing = `count(${max(oldest, EACH)} > ${stalled.shown} and ${records('')} == ${records(` offset ${stalled.shown}s`)})`

const panels: readonly PanelSpec[] = [
  {
    ...stat,
    now: true,
    title: { en: 'Tables that stand still', zh: '停滞的表' },
    description: {
      en: 'Tables of which rows wait while none is settled, counted in each process.',
      zh: '有行在等待而没有任何行完成的表，按进程计数。',
    },
    unit: 'short',
    noValue: { en: 'no data', zh: '无数据' },
    steps: [
      [0, 'green'],
      [1, 'red'],
    ],
    queries: [{ expr: orZero(standing, `count(${oldest})`), legend: same('tables') }],
  },
  {
    ...stat,
    now: true,
    title: { en: 'Oldest row', zh: '最老的行' },
    description: {
      en: 'How long the oldest row that is not settled has been waiting. 0 while nothing is to be written.',
      zh: '最老的未完成行已等待的时间。没有待写入的行时为 0。',
    },
    unit: 's',
    noValue: { en: 'no data', zh: '无数据' },
    steps: [
      [0, 'green'],
      [THRESHOLDS.oldestRow.warn, 'dark-orange'],
      [stalled.shown, 'red'],
    ],
    queries: [{ expr: max(oldest), legend: same('age') }],
  },
  {
    ...stat,
    now: true,
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
      [1 - BURN_RATES.fast[0].rate * (1 - OBJECTIVES.committed), 'dark-orange'],
      [OBJECTIVES.committed, 'green'],
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
    title: { en: 'Execute P99', zh: '执行耗时 P99' },
    description: {
      en: '99 of 100 batches took less than this, retries and back-off included.',
      zh: '99% 的批次耗时低于该值，包含重试与退避。',
    },
    unit: 's',
    steps: [
      [0, 'green'],
      [THRESHOLDS.execute.warn, 'dark-orange'],
      [THRESHOLDS.execute.alert, 'red'],
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
      [THRESHOLDS.retries.warn, 'dark-orange'],
      [THRESHOLDS.retries.alert, 'red'],
    ],
    queries: [{ expr: ratio(`(${retries})`, `(${batches} + (${retries}))`), legend: same('retried') }],
  },
]

export const health: Section = { title: { en: 'Is it healthy?', zh: '是否健康？' }, panels }
