import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  ATTR,
  METRICS,
  type MetricSpec,
  prometheusLabel,
  prometheusName,
  prometheusType,
} from '../../../src/telemetry/metrics/catalogue.ts'
import { ALL_METRICS } from '../../../src/telemetry/metrics/source-catalogue.ts'
import { SCOPE } from '../../../src/telemetry/scope.ts'

const specs: readonly MetricSpec[] = Object.values(ALL_METRICS)

/** The contract, written out once more: users' dashboards hang on these names. */
const CONTRACT = `
batchflow.enqueue.latency.seconds | batchflow_enqueue_latency_seconds | histogram | s | table database test_name
batchflow.pipeline.dequeue.latency.seconds | batchflow_pipeline_dequeue_latency_seconds | histogram | s | table database test_name
batchflow.batch.assemble.duration.seconds | batchflow_batch_assemble_duration_seconds | histogram | s | table database test_name
batchflow.execute.duration.seconds | batchflow_execute_duration_seconds | histogram | s | table database test_name status error_type
batchflow.pipeline.process.duration.seconds | batchflow_pipeline_process_duration_seconds | histogram | s | table database test_name status
batchflow.batch.size | batchflow_batch_size | histogram | {row} | table database test_name
batchflow.pipeline.queue.length | batchflow_pipeline_queue_length | gauge | {row} | table database test_name
batchflow.executor.concurrency | batchflow_executor_concurrency | gauge | {batch} | database test_name
batchflow.inflight.batches | batchflow_inflight_batches | gauge | {batch} | database test_name
batchflow.executor.slots | batchflow_executor_slots | gauge | {slot} | database test_name
batchflow.executor.slots.used | batchflow_executor_slots_used | gauge | {slot} | database test_name
batchflow.table.inflight.batches | batchflow_table_inflight_batches | gauge | {batch} | table database test_name
batchflow.batches | batchflow_batches_total | counter | {batch} | table database test_name status
batchflow.records | batchflow_records_total | counter | {row} | table database test_name status
batchflow.errors | batchflow_errors_total | counter | {error} | table database test_name type error_type
batchflow.submit.rejected | batchflow_submit_rejected_total | counter | {row} | table database test_name reason
batchflow.pipeline.flushes | batchflow_pipeline_flushes_total | counter | {batch} | table database test_name trigger
batchflow.coalesced.records | batchflow_coalesced_records_total | counter | {row} | table database test_name strategy
batchflow.dead.letters | batchflow_dead_letters_total | counter | {row} | table database test_name reason
batchflow.superseded.records | batchflow_superseded_records_total | counter | {row} | table database test_name
batchflow.deleted.records | batchflow_deleted_records_total | counter | {row} | table database test_name
batchflow.accepted.records | batchflow_accepted_records_total | counter | {row} | table database test_name
batchflow.unsettled.records | batchflow_unsettled_records | gauge | {row} | table database test_name
batchflow.oldest.record.age.seconds | batchflow_oldest_record_age_seconds | gauge | s | table database test_name
batchflow.executor.paused | batchflow_executor_paused | gauge | {executor} | database test_name
batchflow.executor.outages | batchflow_executor_outages_total | counter | {outage} | database test_name reason
batchflow.sent.bytes | batchflow_sent_bytes_total | counter | By | table database test_name
batchflow.adaptive.flush.size | batchflow_adaptive_flush_size | gauge | {row} | database test_name
batchflow.adaptive.concurrency | batchflow_adaptive_concurrency | gauge | {batch} | database test_name
batchflow.source.messages | batchflow_source_messages_total | counter | {message} | source database test_name outcome
batchflow.source.redelivered | batchflow_source_redelivered_total | counter | {message} | source database test_name
batchflow.source.lag | batchflow_source_lag | gauge | {message} | source database test_name partition
batchflow.source.lag.seconds | batchflow_source_lag_seconds | gauge | s | source database test_name partition
batchflow.source.partitions | batchflow_source_partitions | gauge | {partition} | source database test_name
`

test('declares the contract', () => {
  const declared = specs.map((spec) =>
    [
      spec.name,
      prometheusName(spec),
      prometheusType(spec),
      spec.unit,
      spec.attributes.map(prometheusLabel).join(' '),
    ].join(' | '),
  )
  assert.equal(declared, CONTRACT.trim().split('\n'))
})

test('names are fit for every route to Prometheus', () => {
  for (const spec of specs) {
    assert.match(prometheusName(spec), /^batchflow(_[a-z]+)+$/)
    assert.is(spec.name.endsWith('.seconds'), spec.unit === 's', `${spec.name}: a unit suffix would be added`)
    assert.is(spec.name.endsWith('.bytes'), spec.unit === 'By', `${spec.name}: a unit suffix would be added`)
    assert.not.match(spec.name, /_total|\.total$/, `${spec.name}: every route adds _total to counters`)
  }
  assert.equal(Object.values(ATTR).map(prometheusLabel), [
    'table',
    'database',
    'test_name',
    'status',
    'type',
    'error_type',
    'reason',
    'trigger',
    'strategy',
    'source',
    'outcome',
    'partition',
  ])
})

test('every description is one sentence', () => {
  for (const { name, description } of specs) assert.match(description, /^[A-Z][^.]+\.$/, name)
})

test('buckets double from half a millisecond, an eighth for what is short, and from one row', () => {
  const seconds = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512]
  const all = [...seconds, 1.024, 2.048, 4.096, 8.192, 16.384, 32.768, 65.536]
  assert.equal(METRICS.executeDuration.buckets, all)
  assert.equal(METRICS.processDuration.buckets, all)
  assert.equal(METRICS.dequeueLatency.buckets, all)
  assert.equal(METRICS.enqueueLatency.buckets, [0.000125, 0.00025, ...all])
  assert.equal(METRICS.assembleDuration.buckets, [0.000125, 0.00025, ...all])
  const rows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768]
  assert.equal(METRICS.batchSize.buckets, rows)
  for (const { kind, buckets } of specs) assert.is(buckets !== undefined, kind === 'histogram')
})

test('only the two latencies of rows are sampled', () => {
  const sampled = specs.filter((spec) => spec.sampled).map((spec) => spec.name)
  assert.equal(sampled, [METRICS.enqueueLatency.name, METRICS.dequeueLatency.name])
})

test('the meter has the name and version of the package', () => {
  const { name, version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'))
  assert.equal(SCOPE, { name, version })
})

test.run()
