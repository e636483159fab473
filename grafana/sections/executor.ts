import { THRESHOLDS } from '../../collector/rules/thresholds.ts'
import { ADAPTIVE_METRICS } from '../../src/telemetry/metrics/adaptive-catalogue.ts'
import { ATTR, METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import { BY_TABLE, max, quantile, rate, ratio, select, share, sum, TABLE_LEGEND } from '../promql.ts'
import type { PanelSpec, Section } from '../spec.ts'

const queued = sum(select(METRICS.queueLength), BY_TABLE)
const limit = sum(select(METRICS.executorConcurrency), [ATTR.database])
const inflight = sum(select(METRICS.inflightBatches), [ATTR.database])

const NONE_ADAPTIVE = { en: 'no flow has adaptive', zh: '没有 flow 开启 adaptive' }

const panels: readonly PanelSpec[] = [
  {
    kind: 'stack',
    title: { en: 'Queue length', zh: '队列长度' },
    description: {
      en: 'Accepted rows not yet handed to the executor, by table. Flat at the top means the buffer is full.',
      zh: '已入队但尚未交给执行器的行数，按表统计。长期顶平说明缓冲已满。',
    },
    unit: 'short',
    queries: [{ expr: queued, legend: TABLE_LEGEND }],
  },
  {
    kind: 'stack',
    title: { en: 'Unsettled rows', zh: '未完成的行数' },
    description: {
      en: 'Accepted rows that are waiting or in flight, by table. bufferSize bounds them.',
      zh: '已入队且仍在等待或在途的行数，按表统计。上限为 bufferSize。',
    },
    unit: 'short',
    queries: [{ expr: sum(select(METRICS.unsettledRecords), BY_TABLE), legend: TABLE_LEGEND }],
  },
  {
    kind: 'lines',
    title: { en: 'Oldest row by table', zh: '各表最老的行' },
    description: {
      en: 'How long the oldest row that is not settled has been waiting. A slope of one second per second: nothing gets through.',
      zh: '最老的未完成行已等待的时间。若每秒增长一秒，说明没有任何行完成。',
    },
    unit: 's',
    steps: [
      [0, 'green'],
      [THRESHOLDS.oldestRow.warn, 'dark-orange'],
      [THRESHOLDS.oldestRow.alert, 'red'],
    ],
    queries: [{ expr: max(select(METRICS.oldestRecordAge), BY_TABLE), legend: TABLE_LEGEND }],
  },
  {
    kind: 'lines',
    title: { en: 'In-flight batches', zh: '在途批次数' },
    description: {
      en: 'Batches executing at the time of the scrape, by database. Short batches are easily missed by a scrape.',
      zh: '抓取瞬间正在执行的批次数，按数据库统计。耗时很短的批次可能不会被抓取到。',
    },
    unit: 'short',
    queries: [{ expr: inflight, legend: '{{database}}' }],
  },
  {
    kind: 'lines',
    title: { en: 'Executor concurrency', zh: '执行并发度' },
    description: {
      en: 'Configured limit of concurrent batches. 0 means unlimited, not idle: set one with withConcurrencyLimit.',
      zh: '配置的并发批次上限。0 表示未限流，而不是空闲：可用 withConcurrencyLimit 设置上限。',
    },
    unit: 'short',
    queries: [{ expr: limit, legend: '{{database}}' }],
  },
  {
    kind: 'lines',
    title: { en: 'Slots in use', zh: '槽位使用率' },
    description: {
      en: 'Slots with a batch in them as a share of all; executors without a limit have none. Near 100%: the database sets the pace.',
      zh: '正在执行批次的槽位占全部槽位的比例；未限流的执行器不计入。接近 100% 说明瓶颈在数据库。',
    },
    unit: 'percentunit',
    max: 1,
    steps: [
      [0, 'green'],
      [THRESHOLDS.slots.warn, 'dark-orange'],
      [THRESHOLDS.slots.alert, 'red'],
    ],
    noValue: { en: 'no concurrency limit', zh: '未设置并发上限' },
    queries: [
      {
        expr: ratio(
          sum(select(METRICS.executorSlotsUsed), [ATTR.database]),
          sum(select(METRICS.executorSlots), [ATTR.database]),
        ),
        legend: '{{database}}',
      },
    ],
  },
  {
    kind: 'lines',
    title: { en: 'Time to drain', zh: '排空所需时间' },
    description: {
      en: 'Rows waiting ÷ rows committed per second: how long the queue would take to empty without new rows.',
      zh: '等待行数 ÷ 每秒提交行数：若不再有新行，清空队列所需的时间。',
    },
    unit: 's',
    queries: [
      {
        expr: ratio(queued, sum(rate(METRICS.records, { [ATTR.status]: 'success' }), BY_TABLE)),
        legend: TABLE_LEGEND,
      },
    ],
  },
  {
    kind: 'stack',
    title: { en: 'What sends batches off', zh: '刷新触发原因' },
    description: {
      en: 'size: full. interval: its time was up. pressure: the buffer was full while a slot was free. manual, close: flush() and close().',
      zh: 'size：已满；interval：到时；pressure：缓冲已满且有空闲槽位；manual、close：flush() 与 close()。',
    },
    unit: 'percentunit',
    max: 1,
    queries: [{ expr: share(rate(METRICS.flushes), [ATTR.trigger]), legend: '{{trigger}}' }],
  },
  {
    kind: 'lines',
    title: { en: 'Backpressure by table', zh: '各表背压' },
    description: {
      en: 'P95 of the wait in submit. Above a few milliseconds the callers are faster than the database.',
      zh: 'submit 等待时间的 P95。超过几毫秒说明调用方快于数据库。',
    },
    unit: 's',
    scale: 'log',
    steps: [
      [0, 'green'],
      [THRESHOLDS.enqueue.warn, 'dark-orange'],
      [THRESHOLDS.enqueue.alert, 'red'],
    ],
    queries: [{ expr: quantile(0.95, METRICS.enqueueLatency, BY_TABLE), legend: TABLE_LEGEND }],
  },
  {
    kind: 'stack',
    title: { en: 'Rows refused', zh: '被拒绝的行' },
    description: {
      en: 'Rows per second refused before acceptance. full: trySubmit met a full buffer. context: the caller gave up. closed: after close(). invalid: not a row.',
      zh: '每秒在入队前被拒绝的行数。full：trySubmit 时缓冲已满；context：调用方放弃；closed：已关闭；invalid：不是有效行。',
    },
    unit: 'rowsps',
    noValue: { en: 'none', zh: '没有' },
    queries: [{ expr: sum(rate(METRICS.submitRejected), [ATTR.reason]), legend: '{{reason}}' }],
  },
  {
    kind: 'stack',
    title: { en: 'Paused executors', zh: '暂停的执行器' },
    description: {
      en: 'Executors that wait because their database takes no batch, by database. They go on by themselves when it is back.',
      zh: '因数据库无法写入而暂停的执行器数，按数据库统计。数据库恢复后自动继续。',
    },
    unit: 'short',
    queries: [{ expr: sum(select(METRICS.executorPaused), [ATTR.database]), legend: '{{database}}' }],
  },
  {
    kind: 'lines',
    title: { en: 'Outages by reason', zh: '按原因统计的数据库中断' },
    description: {
      en: 'Outages begun since the processes started; each step is one. reason: what the first batch met.',
      zh: '进程启动以来发生的中断次数，每上升一级即一次。reason：首个批次遇到的原因。',
    },
    unit: 'short',
    noValue: { en: 'none', zh: '没有' },
    queries: [
      { expr: sum(select(METRICS.executorOutages), [ATTR.database, ATTR.reason]), legend: '{{database}} {{reason}}' },
    ],
  },
  {
    kind: 'lines',
    title: { en: 'Flush size found', zh: '自动找到的批次行数' },
    description: {
      en: 'Rows at which a batch leaves in flows with adaptive, the largest of them by database. What they only try is not shown.',
      zh: '开启 adaptive 的 flow 找到的批次行数，按数据库取最大者。仅在试用的值不显示。',
    },
    unit: 'short',
    noValue: NONE_ADAPTIVE,
    queries: [{ expr: max(select(ADAPTIVE_METRICS.adaptiveFlushSize), [ATTR.database]), legend: '{{database}}' }],
  },
  {
    kind: 'lines',
    title: { en: 'Concurrency found', zh: '自动找到的并发度' },
    description: {
      en: 'Batches that flows with adaptive write at once at most, by database. At the limit of the executor: more might be faster.',
      zh: '开启 adaptive 的 flow 找到的同时写入批次数上限，按数据库统计。若等于执行器的并发上限，放宽上限可能更快。',
    },
    unit: 'short',
    noValue: NONE_ADAPTIVE,
    queries: [{ expr: sum(select(ADAPTIVE_METRICS.adaptiveConcurrency), [ATTR.database]), legend: '{{database}}' }],
  },
]

export const executor: Section = {
  title: { en: 'Executor and queue: is there backpressure?', zh: '执行器与队列：是否存在背压？' },
  panels,
}
