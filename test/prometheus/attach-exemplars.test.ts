import { type Attributes, ValueType } from '@opentelemetry/api'
import {
  AggregationTemporality,
  AggregationType,
  createAllowListAttributesProcessor,
  createDenyListAttributesProcessor,
  type DataPoint,
  DataPointType,
  type Histogram,
  type HistogramMetricData,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { attachExemplars } from '../../src/prometheus/attach-exemplars.ts'
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts'
import type { NotedExemplars } from '../../src/telemetry/metrics/exemplars.ts'
import { SCOPE } from '../../src/telemetry/scope.ts'
import { samplesOf } from '../support/prometheus/exposition.ts'
import { contextOf, type PageRig, pageRig } from '../support/prometheus/metrics-page.ts'

const rigs: PageRig[] = []
const test = suite('attaching exemplars')
test.after.each(async () => {
  for (const { exporter } of rigs.splice(0)) await exporter.shutdown()
})

function rigWith(...views: Omit<ViewOptions, 'instrumentName'>[]): PageRig {
  const named = views.map((view) => ({ instrumentName: METRICS.executeDuration.name, ...view }))
  const rig = pageRig({ views: named })
  rigs.push(rig)
  return rig
}

/** What carries an exemplar: its labels but those of the scope, and the exemplar's value. */
async function carriersOf({ exporter }: PageRig): Promise<[labels: string, value: number][]> {
  return samplesOf(await exporter.page('openmetrics')).flatMap(({ labels, exemplar }) => {
    if (exemplar === undefined) return []
    return [[labels.filter((label) => !label.startsWith('otel_')).join(), exemplar[1]] as [string, number]]
  })
}

const USERS = 'table="users",database="postgres"'

test('each attribute set has its own', async () => {
  const rig = rigWith()
  rig.table('users').observeExecuteDuration(0.3, 'success', undefined, contextOf())
  rig.table('users').observeExecuteDuration(0.4, 'fail', 'deadlock', contextOf())
  rig.table('users').observeExecuteDuration(0.5, 'fail', undefined, contextOf())
  rig.table('users', 'signup').observeExecuteDuration(0.45, 'success', undefined, contextOf())
  rig.table('orders').observeExecuteDuration(0.35, 'success')
  assert.equal(await carriersOf(rig), [
    [`${USERS},status="success",le="0.512"`, 0.3],
    [`${USERS},status="fail",error_type="deadlock",le="0.512"`, 0.4],
    [`${USERS},status="fail",le="0.512"`, 0.5],
    [`${USERS},test_name="signup",status="success",le="0.512"`, 0.45],
  ])
})

test('a view that drops an attribute merges: the latest of the merged sets', async () => {
  const rig = rigWith({ attributesProcessors: [createDenyListAttributesProcessor(['test_name'])] })
  rig.table('users', 'a').observeExecuteDuration(0.3, 'success', undefined, contextOf())
  rig.table('users').observeExecuteDuration(0.4, 'success', undefined, contextOf())
  rig.table('users', 'b').observeExecuteDuration(100, 'success', undefined, contextOf())
  assert.equal(await carriersOf(rig), [
    [`${USERS},status="success",le="0.512"`, 0.4],
    [`${USERS},status="success",le="+Inf"`, 100],
  ])
})

test('a view that drops all attributes leaves one series', async () => {
  const rig = rigWith({ attributesProcessors: [createAllowListAttributesProcessor([])] })
  rig.table('users').observeExecuteDuration(0.4, 'success', undefined, contextOf())
  assert.equal(await carriersOf(rig), [['le="0.512"', 0.4]])
})

test('a view with other buckets: the bucket is found anew', async () => {
  const boundaries = [0.35, 0.45]
  const aggregation = { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries } } as const
  const rig = rigWith({ aggregation })
  for (const seconds of [0.001, 0.4, 0.5, 0.35, 3]) {
    rig.table('users').observeExecuteDuration(seconds, 'success', undefined, contextOf())
  }
  assert.equal(await carriersOf(rig), [
    [`${USERS},status="success",le="0.35"`, 0.35],
    [`${USERS},status="success",le="+Inf"`, 3],
  ])
})

test('what overflowed the attribute sets of the SDK is not attached to the rest', async () => {
  const rig = rigWith({ aggregationCardinalityLimit: 2 })
  rig.table('users').observeExecuteDuration(0.3, 'success', undefined, contextOf())
  rig.table('orders').observeExecuteDuration(0.4, 'success', undefined, contextOf())
  rig.table('flights').observeExecuteDuration(0.4, 'success', undefined, contextOf())
  assert.equal(await carriersOf(rig), [[`${USERS},status="success",le="0.512"`, 0.3]])
})

test('text has none, and an exponential histogram neither', async () => {
  const rig = rigWith({ aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } })
  rig.table('users').observeExecuteDuration(0.3, 'success', undefined, contextOf())
  assert.equal(await carriersOf(rig), [])
  assert.not.match(await rig.exporter.page('text'), ' # {')
})

/** A point from second 10 to second 20, with counts for up to 1 s, up to 2 s and more. */
function pointOf(counts: number[], attributes: Attributes = {}): DataPoint<Histogram> {
  const value = { count: 1, buckets: { boundaries: [1, 2], counts } }
  return { startTime: [10, 0], endTime: [20, 0], attributes, value }
}

function metricOf(...dataPoints: DataPoint<Histogram>[]): HistogramMetricData {
  const { name, description, unit } = METRICS.executeDuration
  return {
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    dataPointType: DataPointType.HISTOGRAM,
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints,
  }
}

function noted(value: number, at: number, attributes: Attributes = {}): NotedExemplars {
  return { attributes, latest: [undefined, { value, at, traceId: 't', spanId: `${value}` }] }
}

/** Values by bucket. */
function attached(point: DataPoint<Histogram>, ...sets: NotedExemplars[]): (number | undefined)[] {
  const exemplars = attachExemplars(metricOf(point), SCOPE.name, sets).get(point) ?? []
  return Array.from(exemplars, (exemplar) => exemplar?.value)
}

test('one that came after the collection, or before the series began, was not counted', () => {
  const point = pointOf([1, 1, 1])
  assert.equal(attached(point, noted(1.5, 9_999)), [])
  assert.equal(attached(point, noted(1.5, 10_000)), [undefined, 1.5])
  assert.equal(attached(point, noted(1.5, 20_000)), [undefined, 1.5])
  assert.equal(attached(point, noted(1.5, 20_001)), [])
})

test('a bucket that counted nothing has none', () => {
  assert.equal(attached(pointOf([1, 0, 1]), noted(1.5, 15_000)), [])
})

test('the later one wins, whatever the order', () => {
  const point = pointOf([1, 1, 1])
  assert.equal(attached(point, noted(1.6, 16_000), noted(1.5, 15_000)), [undefined, 1.6])
  assert.equal(attached(point, noted(1.5, 15_000), noted(1.6, 16_000)), [undefined, 1.6])
})

test('an attribute the series lacks, or has otherwise, keeps it off', () => {
  const users = pointOf([1, 1, 1], { table: 'users' })
  const both = [users, pointOf([1, 1, 1], { table: 'users', test_name: 'a' })]
  const only = (set: NotedExemplars) => attachExemplars(metricOf(...both), SCOPE.name, [set])
  assert.equal([...only(noted(1, 15_000, { table: 'users', test_name: 'a' })).keys()], [both[1]])
  assert.equal([...only(noted(1, 15_000, { table: 'users', test_name: 'b' })).keys()], [])
  assert.equal([...only(noted(1, 15_000, { table: 'users' })).keys()], [users])
  assert.equal([...only(noted(1, 15_000, {})).keys()], [])
})

test('another scope has none', () => {
  assert.is(attachExemplars(metricOf(pointOf([1, 1, 1])), 'app', [noted(1, 15_000)]).size, 0)
})

test.run()
