/** The metric contract of what a worker over a durable log reports beside its flow; the rest is in {@link METRICS}. */
import { ADAPTIVE_METRICS } from './adaptive-catalogue.ts'
import { METRICS } from './catalogue.ts'
import { ATTR, type MetricSpec } from './metric-spec.ts'

const PER_SOURCE = [ATTR.source, ATTR.database, ATTR.testName] as const

export const SOURCE_METRICS = {
  sourceMessages: {
    name: 'batchflow.source.messages',
    kind: 'counter',
    unit: '{message}',
    description: 'Messages settled, by what became of them: committed, put aside, or left out as committed before.',
    attributes: [...PER_SOURCE, ATTR.outcome],
  },
  sourceRedelivered: {
    name: 'batchflow.source.redelivered',
    kind: 'counter',
    unit: '{message}',
    description: 'Messages that had been handed out before.',
    attributes: PER_SOURCE,
  },
  sourceLag: {
    name: 'batchflow.source.lag',
    kind: 'observableUpDownCounter',
    unit: '{message}',
    description: 'Messages of a partition that are in the log and not settled, as the log said when it was last asked.',
    attributes: [...PER_SOURCE, ATTR.partition],
  },
  sourceLagSeconds: {
    name: 'batchflow.source.lag.seconds',
    kind: 'observableGauge',
    unit: 's',
    description: 'Age of the oldest of those messages, where the log tells; 0 when there is none.',
    attributes: [...PER_SOURCE, ATTR.partition],
  },
  sourcePartitions: {
    name: 'batchflow.source.partitions',
    kind: 'observableUpDownCounter',
    unit: '{partition}',
    description: 'Partitions that the worker owns.',
    attributes: PER_SOURCE,
  },
} as const satisfies Record<string, MetricSpec>

/** Everything this package can report. */
export const ALL_METRICS = { ...METRICS, ...ADAPTIVE_METRICS, ...SOURCE_METRICS } as const
