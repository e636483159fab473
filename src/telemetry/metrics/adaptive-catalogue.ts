import { ATTR, type MetricSpec } from './metric-spec.ts'

const PER_EXECUTOR = [ATTR.database, ATTR.testName] as const

/** What there is of flows with `adaptive` alone. */
export const ADAPTIVE_METRICS = {
  adaptiveFlushSize: {
    name: 'batchflow.adaptive.flush.size',
    kind: 'observableGauge',
    unit: '{row}',
    description: 'Rows at which a batch leaves, as flows with adaptive have found out: the most of any of them.',
    attributes: PER_EXECUTOR,
  },
  adaptiveConcurrency: {
    name: 'batchflow.adaptive.concurrency',
    kind: 'observableUpDownCounter',
    unit: '{batch}',
    description: 'Batches that flows with adaptive write at once at most, as they have found out.',
    attributes: PER_EXECUTOR,
  },
} as const satisfies Record<string, MetricSpec>
