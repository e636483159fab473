/**
 * The metric contract as data: every name, unit, description, bucket list and attribute this package exports. The
 * reporter, the documentation, dashboards and tests read it; none of them spells a name of its own.
 */
import { ATTR, type AttributeName, type MetricKind, type MetricSpec } from './metric-spec.ts'

export { ATTR, type AttributeName, type MetricKind, type MetricSpec }

const PER_EXECUTOR = [ATTR.database, ATTR.testName] as const
const PER_TABLE = [ATTR.table, ...PER_EXECUTOR] as const

const SECONDS = doubling(0.0005, 18)
const SHORT_SECONDS = doubling(0.000125, 20)
const ROWS = doubling(1, 16)

/** Names carry `seconds` so that no exporter has to add a unit: the same series comes out of every route. */
export const METRICS = {
  enqueueLatency: {
    name: 'batchflow.enqueue.latency.seconds',
    kind: 'histogram',
    unit: 's',
    description: 'Time from the call of submit to the acceptance of the row, which is the wait under backpressure.',
    attributes: PER_TABLE,
    buckets: SHORT_SECONDS,
    sampled: true,
  },
  dequeueLatency: {
    name: 'batchflow.pipeline.dequeue.latency.seconds',
    kind: 'histogram',
    unit: 's',
    description: 'Time from the acceptance of a row until its batch leaves the lane.',
    attributes: PER_TABLE,
    buckets: SECONDS,
    sampled: true,
  },
  assembleDuration: {
    name: 'batchflow.batch.assemble.duration.seconds',
    kind: 'histogram',
    unit: 's',
    description: 'Time spent merging the rows of a batch and building its operation.',
    attributes: PER_TABLE,
    buckets: SHORT_SECONDS,
  },
  executeDuration: {
    name: 'batchflow.execute.duration.seconds',
    kind: 'histogram',
    unit: 's',
    description: 'Time from taking a concurrency slot to the final outcome of a batch, retries and back-off included.',
    attributes: [...PER_TABLE, ATTR.status, ATTR.errorType],
    buckets: SECONDS,
  },
  processDuration: {
    name: 'batchflow.pipeline.process.duration.seconds',
    kind: 'histogram',
    unit: 's',
    description:
      'Time from a batch leaving its lane, as a concurrency slot takes it, until it is settled, dead letters handed over.',
    attributes: [...PER_TABLE, ATTR.status],
    buckets: SECONDS,
  },
  batchSize: {
    name: 'batchflow.batch.size',
    kind: 'histogram',
    unit: '{row}',
    description: 'Number of rows of a batch.',
    attributes: PER_TABLE,
    buckets: ROWS,
  },
  queueLength: {
    name: 'batchflow.pipeline.queue.length',
    kind: 'observableUpDownCounter',
    unit: '{row}',
    description: 'Accepted rows that are not yet handed to the executor.',
    attributes: PER_TABLE,
  },
  executorConcurrency: {
    name: 'batchflow.executor.concurrency',
    kind: 'observableGauge',
    unit: '{batch}',
    description: 'Configured limit of concurrent batches, 0 when unlimited.',
    attributes: PER_EXECUTOR,
  },
  inflightBatches: {
    name: 'batchflow.inflight.batches',
    kind: 'observableUpDownCounter',
    unit: '{batch}',
    description: 'Batches that are executing now.',
    attributes: PER_EXECUTOR,
  },
  executorSlots: {
    name: 'batchflow.executor.slots',
    kind: 'observableUpDownCounter',
    unit: '{slot}',
    description:
      'Batches that executors with a concurrency limit may execute at once; those without one count for nothing.',
    attributes: PER_EXECUTOR,
  },
  executorSlotsUsed: {
    name: 'batchflow.executor.slots.used',
    kind: 'observableUpDownCounter',
    unit: '{slot}',
    description: 'Slots of those executors in which a batch is executing now.',
    attributes: PER_EXECUTOR,
  },
  tableInflightBatches: {
    name: 'batchflow.table.inflight.batches',
    kind: 'observableUpDownCounter',
    unit: '{batch}',
    description: 'Batches of a table that are executing now.',
    attributes: PER_TABLE,
  },
  batches: {
    name: 'batchflow.batches',
    kind: 'counter',
    unit: '{batch}',
    description: 'Settled batches; status is fail when at least one row of the batch was not committed.',
    attributes: [...PER_TABLE, ATTR.status],
  },
  records: {
    name: 'batchflow.records',
    kind: 'counter',
    unit: '{row}',
    description: 'Settled rows, each counted by its own fate.',
    attributes: [...PER_TABLE, ATTR.status],
  },
  errors: {
    name: 'batchflow.errors',
    kind: 'counter',
    unit: '{error}',
    description: 'Failures by type: retry:<reason> per attempt that is repeated, final:<reason> per batch given up.',
    attributes: [...PER_TABLE, ATTR.type, ATTR.errorType],
  },
  submitRejected: {
    name: 'batchflow.submit.rejected',
    kind: 'counter',
    unit: '{row}',
    description: 'Rows refused before they were accepted.',
    attributes: [...PER_TABLE, ATTR.reason],
  },
  flushes: {
    name: 'batchflow.pipeline.flushes',
    kind: 'counter',
    unit: '{batch}',
    description: 'Batches that left their lane, by what made them leave.',
    attributes: [...PER_TABLE, ATTR.trigger],
  },
  coalescedRecords: {
    name: 'batchflow.coalesced.records',
    kind: 'counter',
    unit: '{row}',
    description: 'Rows merged with another row of the same conflict key before they were written.',
    attributes: [...PER_TABLE, ATTR.strategy],
  },
  deadLetters: {
    name: 'batchflow.dead.letters',
    kind: 'counter',
    unit: '{row}',
    description: 'Rows handed to the dead-letter handler.',
    attributes: [...PER_TABLE, ATTR.reason],
  },
  supersededRecords: {
    name: 'batchflow.superseded.records',
    kind: 'counter',
    unit: '{row}',
    description: 'Committed rows that changed nothing: they were not newer than another row of their conflict key.',
    attributes: PER_TABLE,
  },
  deletedRecords: {
    name: 'batchflow.deleted.records',
    kind: 'counter',
    unit: '{row}',
    description: 'Deletions carried out, those merged into others of their key not counted.',
    attributes: PER_TABLE,
  },
  acceptedRecords: {
    name: 'batchflow.accepted.records',
    kind: 'counter',
    unit: '{row}',
    description: 'Rows accepted: at every moment as many as are settled and unsettled.',
    attributes: PER_TABLE,
  },
  unsettledRecords: {
    name: 'batchflow.unsettled.records',
    kind: 'observableUpDownCounter',
    unit: '{row}',
    description: 'Accepted rows that wait or are in flight.',
    attributes: PER_TABLE,
  },
  oldestRecordAge: {
    name: 'batchflow.oldest.record.age.seconds',
    kind: 'observableGauge',
    unit: 's',
    description: 'Time since the oldest row that is not settled was accepted, 0 when there is none.',
    attributes: PER_TABLE,
  },
  executorPaused: {
    name: 'batchflow.executor.paused',
    kind: 'observableUpDownCounter',
    unit: '{executor}',
    description: 'Executors that wait now for a database that takes no batch.',
    attributes: PER_EXECUTOR,
  },
  executorOutages: {
    name: 'batchflow.executor.outages',
    kind: 'counter',
    unit: '{outage}',
    description: 'Outages of the database that have begun, by what was met first.',
    attributes: [...PER_EXECUTOR, ATTR.reason],
  },
  sentBytes: {
    name: 'batchflow.sent.bytes',
    kind: 'counter',
    unit: 'By',
    description: 'Bytes of the operations handed to the client, repeated ones included, where the driver knows.',
    attributes: PER_TABLE,
  },
} as const satisfies Record<string, MetricSpec>

/** The metric's name in Prometheus, the same from an exporter, the Collector and Prometheus' own OTLP receiver. */
export function prometheusName(metric: MetricSpec): string {
  const name = metric.name.replaceAll('.', '_')
  return prometheusType(metric) === 'counter' ? `${name}_total` : name
}

const TYPES = {
  histogram: 'histogram',
  counter: 'counter',
  observableUpDownCounter: 'gauge',
  observableGauge: 'gauge',
} as const satisfies Record<MetricKind, string>

/** The metric's type in Prometheus, where a sum that can fall is a gauge. */
export function prometheusType(metric: MetricSpec): 'histogram' | 'counter' | 'gauge' {
  return TYPES[metric.kind]
}

/** The attribute's label in Prometheus. */
export function prometheusLabel(attribute: AttributeName): string {
  return attribute.replaceAll('.', '_')
}

function doubling(first: number, count: number): readonly number[] {
  return Object.freeze(Array.from({ length: count }, (_, i) => first * 2 ** i))
}
