import { METRICS, type MetricSpec } from '../../src/telemetry/metrics/catalogue.ts'
import { buckets, mean, quantile, sum } from '../promql.ts'
import { type PanelSpec, type Query, type Section, same, type Text } from '../spec.ts'

function quantiles(metric: MetricSpec, exemplars = false): readonly Query[] {
  return [0.5, 0.95, 0.99].map((q) => ({
    expr: quantile(q, metric),
    legend: same(`p${q * 100}`),
    exemplars: exemplars && q === 0.99,
  }))
}

function stage(metric: MetricSpec, title: Text, description: Text, exemplars = false): PanelSpec {
  return { kind: 'lines', title, description, unit: 's', scale: 'log', queries: quantiles(metric, exemplars) }
}

const panels: readonly PanelSpec[] = [
  stage(
    METRICS.enqueueLatency,
    { en: 'Enqueue latency', zh: '入队延迟' },
    {
      en: 'submit called → row accepted: the wait under backpressure, next to nothing while there is room. Lines that stay below 0.125 ms only say that all samples are in the first bucket. Sampled.',
      zh: '从调用 submit 到行被接受：背压下的等待时间，缓冲有空位时几乎为零。始终低于 0.125 ms 的曲线仅表示样本都落在第一个桶内。采样指标。',
    },
  ),
  stage(
    METRICS.dequeueLatency,
    { en: 'Wait for the batch', zh: '等待成批时间' },
    {
      en: 'Row accepted → its batch leaves the lane: the price of batching, up to flushInterval while a slot is free. Sampled.',
      zh: '从行被接受到所在批次离开缓冲：攒批的代价，有空闲并发时不超过 flushInterval。采样指标。',
    },
  ),
  stage(
    METRICS.assembleDuration,
    { en: 'Assemble duration', zh: '攒批耗时' },
    {
      en: 'Merging the rows of a batch and building its operation, encoding included.',
      zh: '合并批内的行并构建写入操作的耗时，包含编码。',
    },
  ),
  stage(
    METRICS.executeDuration,
    { en: 'Execute duration', zh: '执行耗时' },
    {
      en: 'Slot taken → final outcome, retries and back-off included. The dots are exemplars: click one to open its trace.',
      zh: '从获得并发槽位到最终结果，包含重试与退避。圆点为 exemplar：点击可打开对应的链路。',
    },
    true,
  ),
  stage(
    METRICS.processDuration,
    { en: 'Process duration', zh: '处理耗时' },
    {
      en: 'Batch leaves the lane → settled. What it has over the execute duration is the wait for a slot.',
      zh: '从批次离开缓冲到全部完成。超出执行耗时的部分即等待并发槽位的时间。',
    },
  ),
  {
    kind: 'heatmap',
    title: { en: 'Execute durations', zh: '执行耗时分布' },
    description: {
      en: 'How long batches take. Two bands where there should be one: a minority is retried, or waits for locks.',
      zh: '批次耗时的分布。本应只有一条亮带却出现两条时，说明少数批次在重试或等待锁。',
    },
    unit: 's',
    queries: [{ expr: sum(buckets(METRICS.executeDuration), ['le']), legend: '{{le}}' }],
  },
  {
    kind: 'stack',
    width: 24,
    title: { en: 'Where the time goes', zh: '时间花在哪里' },
    description: {
      en: 'Mean time of each stage on the way of a row, stacked: together, from submit to settled.',
      zh: '一行数据所经各阶段的平均耗时，堆叠显示：合计即从 submit 到完成的时间。',
    },
    unit: 's',
    queries: [
      { expr: mean(METRICS.enqueueLatency), legend: { en: 'enqueue', zh: '入队' } },
      { expr: mean(METRICS.dequeueLatency), legend: { en: 'wait for the batch', zh: '等待成批' } },
      {
        expr: `clamp_min(${mean(METRICS.processDuration)} - ${mean(METRICS.executeDuration)}, 0)`,
        legend: { en: 'wait for a slot', zh: '等待槽位' },
      },
      { expr: mean(METRICS.executeDuration), legend: { en: 'execute', zh: '执行' } },
    ],
  },
]

export const stages: Section = { title: { en: 'Stages: where the time goes', zh: '各阶段耗时' }, panels }
