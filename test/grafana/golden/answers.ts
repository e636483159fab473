/** What each panel must show of the world, query by query, in the order of the panel. */
import type { Eye, Match, Vector } from './eye.ts'
import type { MetricName } from './world.ts'

/** Nothing where several answers are right. */
type Answer = (see: Eye) => Vector | undefined

const TABLE = ['job', 'database', 'table'] as const
const EACH = ['job', 'instance', 'database', 'table'] as const
const SUCCESS: Match = { status: /^success$/ }
const FAIL: Match = { status: /^fail$/ }
const RETRY: Match = { type: /^retry:/ }

const quantiles = (name: MetricName): readonly Answer[] => [0.5, 0.95, 0.99].map((q) => (see) => see.quantile(q, name))

/** 0 where batches are settled and nothing of that kind happened. */
const errors = (see: Eye, match: Match, ...by: readonly string[]) => {
  const none = see
    .rate('batches')
    .sum(...by)
    .map(() => 0)
  return see
    .rate('errors', match)
    .sum(...by)
    .or(none)
}
const retries = (see: Eye) => errors(see, RETRY)
const slots = (see: Eye) => see.gauge('inflightBatches').sum('database')
const drained = (see: Eye) => see.rate('records', SUCCESS).sum(...TABLE)

function standing(see: Eye): Vector {
  const growing = see.rate('records').sum(...EACH)
  const waiting = see
    .gauge('oldestRecordAge')
    .max(...EACH)
    .filter((age) => age > 30)
  const still = waiting.with(
    growing.filter((rate) => rate === 0),
    (age) => age,
  )
  return still.count().or(
    see
      .gauge('oldestRecordAge')
      .count()
      .map(() => 0),
  )
}

const PARTITION = ['job', 'source', 'partition'] as const

export const ANSWERS: Readonly<Record<string, readonly Answer[]>> = {
  'Lag by partition': [(see) => see.gauge('sourceLag').sum(...PARTITION)],
  'Age of the oldest message': [(see) => see.gauge('sourceLagSeconds').max(...PARTITION)],
  'Messages by outcome': [(see) => see.rate('sourceMessages').sum('outcome')],
  'Messages delivered again': [(see) => see.rate('sourceRedelivered').sum('job', 'source')],
  'Partitions owned': [(see) => see.gauge('sourcePartitions').sum('job', 'instance', 'source')],
  'Superseded rows': [(see) => see.rate('supersededRecords').sum(...TABLE)],
  'Tables that stand still': [standing],
  'Oldest row': [(see) => see.gauge('oldestRecordAge').max()],
  'Waiting for a database': [(see) => see.gauge('executorPaused').sum()],
  'Batches that succeeded': [(see) => see.rate('batches', SUCCESS).sum().per(see.rate('batches').sum())],
  'Rows committed': [(see) => see.rate('records', SUCCESS).sum()],
  'Rows not committed': [(see) => see.increase('records', FAIL).sum()],
  'Execute P99': [(see) => see.quantile(0.99, 'executeDuration')],
  'Attempts that were retried': [
    (see) =>
      retries(see).per(
        see
          .rate('batches')
          .sum()
          .with(retries(see), (a, b) => a + b),
      ),
  ],

  'Rows per second by table': [drained],
  'Outcome of rows': [(see) => see.rate('records').sum('status')],
  'Batches per second': [(see) => see.rate('batches').sum('status')],
  'Batch size': [(see) => see.buckets('batchSize')],
  'Rows per batch': [(see) => see.mean('batchSize', ...TABLE)],
  'Rows merged away': [(see) => see.rate('coalescedRecords').sum(...TABLE, 'strategy')],
  'Row accounting': [
    (see) => see.total('acceptedRecords').sum(),
    (see) => see.total('records', SUCCESS).sum(),
    (see) => see.total('records', FAIL).sum(),
    (see) => see.gauge('unsettledRecords').sum(),
    (see) =>
      see
        .total('acceptedRecords')
        .sum()
        .with(see.total('records').sum(), (a, b) => a - b)
        .with(see.gauge('unsettledRecords').sum(), (a, b) => a - b),
  ],

  'Enqueue latency': quantiles('enqueueLatency'),
  'Wait for the batch': quantiles('dequeueLatency'),
  'Assemble duration': quantiles('assembleDuration'),
  'Execute duration': quantiles('executeDuration'),
  'Process duration': quantiles('processDuration'),
  'Execute durations': [(see) => see.buckets('executeDuration')],
  'Where the time goes': [
    (see) => see.mean('enqueueLatency'),
    (see) => see.mean('dequeueLatency'),
    (see) => see.mean('processDuration').with(see.mean('executeDuration'), (a, b) => Math.max(a - b, 0)),
    (see) => see.mean('executeDuration'),
  ],

  'Queue length': [(see) => see.gauge('queueLength').sum(...TABLE)],
  'Unsettled rows': [(see) => see.gauge('unsettledRecords').sum(...TABLE)],
  'Oldest row by table': [(see) => see.gauge('oldestRecordAge').max(...TABLE)],
  'In-flight batches': [slots],
  'Executor concurrency': [(see) => see.gauge('executorConcurrency').sum('database')],
  'Slots in use': [
    (see) => see.gauge('executorSlotsUsed').sum('database').per(see.gauge('executorSlots').sum('database')),
  ],
  'Flush size found': [(see) => see.gauge('adaptiveFlushSize').max('database')],
  'Concurrency found': [(see) => see.gauge('adaptiveConcurrency').sum('database')],
  'Batches in flight by table': [(see) => see.gauge('tableInflightBatches').sum(...TABLE)],
  'Bytes sent': [(see) => see.rate('sentBytes').sum(...TABLE)],
  'Deleted rows': [(see) => see.rate('deletedRecords').sum(...TABLE)],
  'Time to drain': [
    (see) =>
      see
        .gauge('queueLength')
        .sum(...TABLE)
        .per(drained(see)),
  ],
  'What sends batches off': [
    (see) => {
      const [all] = see.rate('flushes').sum().points
      const shares = see
        .rate('flushes')
        .sum('trigger')
        .map((rate) => rate / (all?.value ?? 0))
      return shares.filter(Number.isFinite)
    },
  ],
  'Backpressure by table': [(see) => see.quantile(0.95, 'enqueueLatency', ...TABLE)],
  'Rows refused': [(see) => see.rate('submitRejected').sum('reason')],
  'Paused executors': [(see) => see.gauge('executorPaused').sum('database')],
  'Outages by reason': [(see) => see.total('executorOutages').sum('database', 'reason')],

  'Retries by table and reason, top 5': [
    (see) =>
      see.idle
        ? undefined
        : see
            .rate('errors', RETRY)
            .sum(...TABLE, 'type')
            .top(5),
  ],
  'Final failures by reason': [(see) => see.rate('errors', { type: /^final:/ }).sum('type')],
  'Caller gave up, or our own timeout': [
    (see) => errors(see, { type: /^final:context$/ }),
    (see) => errors(see, { type: /^retry:processor_timeout$/ }),
  ],
  'Retry share of failures by table': [
    (see) =>
      see
        .rate('errors', RETRY)
        .sum(...TABLE)
        .per(see.rate('errors').sum(...TABLE)),
  ],
  'Tail: execute P99 by table': [(see) => see.quantile(0.99, 'executeDuration', ...TABLE)],
  'Tail amplification by table': [
    (see) => see.quantile(0.99, 'executeDuration', ...TABLE).per(see.quantile(0.5, 'executeDuration', ...TABLE)),
  ],
  'Dead letters': [(see) => see.rate('deadLetters').sum(...TABLE, 'reason')],
  'Rows not committed by table': [(see) => see.rate('records', FAIL).sum(...TABLE)],

  'Rows per second by database': [(see) => see.rate('records', SUCCESS).sum('database')],
  'Execute P95 by database': [(see) => see.quantile(0.95, 'executeDuration', 'database')],
  'Rows per batch by database': [(see) => see.mean('batchSize', 'database')],
  'Failures by database': [(see) => errors(see, {}, 'database').per(see.rate('batches').sum('database'))],

  'Rows per second by process': [(see) => see.rate('records', SUCCESS).sum('job', 'instance')],
  'Execute P99 by process': [(see) => see.quantile(0.99, 'executeDuration', 'job', 'instance')],
  'Unsettled rows by process': [(see) => see.gauge('unsettledRecords').sum('job', 'instance')],
  'Oldest row by process': [(see) => see.gauge('oldestRecordAge').max('job', 'instance')],

  Tables: [
    drained,
    (see) => see.rate('records', FAIL).sum(...TABLE),
    (see) =>
      see
        .rate('batches', SUCCESS)
        .sum(...TABLE)
        .per(see.rate('batches').sum(...TABLE)),
    (see) => errors(see, RETRY, ...TABLE),
    (see) => see.quantile(0.99, 'executeDuration', ...TABLE),
    (see) => see.mean('batchSize', ...TABLE),
    (see) => see.gauge('queueLength').sum(...TABLE),
    (see) => see.gauge('oldestRecordAge').max(...TABLE),
  ],

  Outages: [
    (see) =>
      see
        .gauge('executorPaused')
        .sum('job', 'instance', 'database')
        .filter((count) => count > 0),
  ],
}
