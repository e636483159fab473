import { ROOT_CONTEXT, TraceFlags } from '@opentelemetry/api'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { METRICS } from '../../../src/telemetry/metrics/catalogue.ts'
import { bucketOf, ExemplarStore, exemplarStore } from '../../../src/telemetry/metrics/exemplars.ts'
import { OtelMetricsReporter } from '../../../src/telemetry/metrics/otel-reporter.ts'
import { contextOf, SPAN_ID, TRACE_ID } from '../../support/prometheus/metrics-page.ts'
import { flowProbe, MetricsUnderTest } from '../../support/telemetry/otel-metrics.ts'

const USERS = { table: 'users', status: 'success' }

function wanted(): ExemplarStore {
  const store = new ExemplarStore()
  store.want()
  return store
}

/** Values by attribute set, in the order of the buckets. */
function valuesOf(store: ExemplarStore): [string, number[]][] {
  return Array.from(store.noted(), ({ attributes, latest }) => [
    JSON.stringify(attributes),
    latest.filter((exemplar) => exemplar !== undefined).map(({ value }) => value),
  ])
}

test('the latest sampled batch of each bucket and attribute set is kept', () => {
  const store = wanted()
  const fail = { table: 'users', status: 'fail' }
  for (const seconds of [3, 0.001, 2.5, 100]) store.note(seconds, USERS, contextOf())
  store.note(2.5, fail, contextOf())
  store.note(0.0007, { ...USERS }, contextOf())
  assert.equal(valuesOf(store), [
    [JSON.stringify(fail), [2.5]],
    [JSON.stringify(USERS), [0.0007, 2.5, 100]],
  ])
})

test('an exemplar has the ids of the span and the time it was noted, in whole milliseconds', () => {
  const store = wanted()
  const before = Date.now()
  store.note(0.25, USERS, contextOf())
  const [exemplar] = Array.from(store.noted(), ({ latest }) => latest[bucketOf(0.25, METRICS.executeDuration.buckets)])
  assert.equal([exemplar?.value, exemplar?.traceId, exemplar?.spanId], [0.25, TRACE_ID, SPAN_ID])
  assert.ok(Number.isInteger(exemplar?.at) && exemplar!.at >= before && exemplar!.at <= Date.now())
})

test('nothing is kept of a batch that is unsampled, untraced or not a number', () => {
  const store = wanted()
  store.note(1, USERS, contextOf({ traceFlags: TraceFlags.NONE }))
  store.note(1, USERS, contextOf({ traceId: '0'.repeat(32) }))
  store.note(1, USERS, contextOf({ spanId: 'nonsense' }))
  store.note(1, USERS, ROOT_CONTEXT)
  store.note(Number.NaN, USERS, contextOf())
  store.note(Number.POSITIVE_INFINITY, USERS, contextOf())
  assert.equal(valuesOf(store), [])
})

test('flags beside the sampled one do not matter', () => {
  const store = wanted()
  store.note(1, USERS, contextOf({ traceFlags: TraceFlags.SAMPLED | 2 }))
  assert.is(valuesOf(store).length, 1)
})

test('nothing is kept, nor looked at, while nobody wants it', () => {
  const store = new ExemplarStore()
  const looked: symbol[] = []
  const context = contextOf()
  const spied = Object.assign(Object.create(context), {
    getValue: (key: symbol) => {
      looked.push(key)
      return context.getValue(key)
    },
  })
  store.note(1, USERS, spied)
  assert.equal([looked.length, valuesOf(store)], [0, []])
  store.want()
  store.note(1, USERS, spied)
  assert.equal([looked.length, valuesOf(store).length], [1, 1])
})

test('the last one who wanted exemplars forgets them all', () => {
  const store = new ExemplarStore()
  const [first, second] = [store.want(), store.want()]
  store.note(1, USERS, contextOf())
  first()
  first()
  assert.is(valuesOf(store).length, 1, 'the second still wants them')
  second()
  assert.equal(valuesOf(store), [])
  store.note(1, USERS, contextOf())
  assert.equal(valuesOf(store), [])
})

test('past 1,000 attribute sets the one that was not noted for the longest time is forgotten', () => {
  const store = wanted()
  for (let i = 0; i < 1000; i++) store.note(1, { table: `t${i}` }, contextOf())
  store.note(1, { table: 't0' }, contextOf())
  store.note(1, { table: 't1000' }, contextOf())
  const tables = valuesOf(store).map(([attributes]) => JSON.parse(attributes).table)
  assert.is(tables.length, 1000)
  assert.ok(tables.includes('t0') && tables.includes('t1000'))
  assert.not(tables.includes('t1'))
})

test('an upper bound belongs to its bucket, and beyond the last there is one more', () => {
  const bounds = [1, 2]
  assert.equal(
    [0, 1, 1.5, 2, 2.1].map((value) => bucketOf(value, bounds)),
    [0, 0, 1, 1, 2],
  )
  assert.is(bucketOf(5, []), 0)
})

test('a second copy of the module has the same store', async () => {
  const url = `${new URL('../../../src/telemetry/metrics/exemplars.ts', import.meta.url)}?copy`
  const copy = (await import(url)) as { exemplarStore: typeof exemplarStore; ExemplarStore: typeof ExemplarStore }
  assert.is.not(copy.ExemplarStore, ExemplarStore)
  assert.is(copy.exemplarStore(), exemplarStore())
})

test('the recorder notes execute durations, with the attributes it records', () => {
  const shared = exemplarStore()
  const sdk = new MetricsUnderTest()
  const table = new OtelMetricsReporter({ meterProvider: sdk.provider }).open(flowProbe())?.table('users')
  const done = shared.want()
  table?.observeExecuteDuration(2, 'fail', 'deadlock', contextOf())
  table?.observeExecuteDuration(3, 'success')
  const common = { table: 'users', database: 'postgres' }
  assert.equal(valuesOf(shared), [[JSON.stringify({ ...common, status: 'fail', 'error.type': 'deadlock' }), [2]]])
  done()
})

test.run()
