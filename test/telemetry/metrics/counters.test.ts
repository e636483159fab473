import { createRequire } from 'node:module'
import { type Counter, createNoopMeter, type MeterProvider } from '@opentelemetry/api'
import { AggregationTemporality } from '@opentelemetry/sdk-metrics'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { METRICS } from '../../../src/telemetry/metrics/catalogue.ts'
import { OtelMetricsReporter } from '../../../src/telemetry/metrics/otel-reporter.ts'
import { rig } from '../../support/engine/flow.ts'
import { committing } from '../../support/engine/memory-driver.ts'
import { users, usersFrom } from '../../support/engine/tables.ts'
import { flowProbe, MetricsUnderTest, OnDemandReader } from '../../support/telemetry/otel-metrics.ts'

const test = suite('counters')

const USERS = { table: 'users', database: 'postgres' }
const SUCCESS = { ...USERS, status: 'success' }
const FAIL = { ...USERS, status: 'fail' }

function tableOf(meterProvider: MeterProvider) {
  const flow = new OtelMetricsReporter({ meterProvider }).open(flowProbe())
  assert.ok(flow)
  return { flow, table: flow.table('users') }
}

test('the meter is told of nothing until somebody collects, and then once per series', async () => {
  let added = 0
  let collect: (result: never) => void = () => assert.unreachable('nobody asked to be told of collections')
  const counter: Counter = { add: () => void added++ }
  const meter = Object.assign(Object.create(createNoopMeter()), {
    createCounter: () => counter,
    addBatchObservableCallback: (callback: typeof collect) => {
      collect = callback
    },
  })
  const reporter = new OtelMetricsReporter({ meterProvider: { getMeter: () => meter } })
  const { flow } = rig({ flushSize: 10 }, (executor) => executor.withMetricsReporter(reporter), committing())
  await flow.submitMany(users, usersFrom(1, 1000))
  await flow.close()
  assert.is(added, 0)
  collect({ observe: () => {} } as never)
  assert.is(added, 6, 'batches and records of both statuses, rows accepted, flushes by size')
  collect({ observe: () => {} } as never)
  assert.is(added, 6, 'nothing happened since')
})

test('a series that did not grow is exported nevertheless, and outlives its flow', async () => {
  const sdk = new MetricsUnderTest()
  const { flow, table } = tableOf(sdk.provider)
  table.countRecords('success', 5)
  flow.close()
  for (let i = 0; i < 3; i++) {
    assert.equal(await sdk.points(METRICS.records.name), [
      [SUCCESS, 5],
      [FAIL, 0],
    ])
  }
  tableOf(sdk.provider).table.countRecords('success', 2)
  assert.equal((await sdk.points(METRICS.records.name))[0], [SUCCESS, 7])
})

test('where only what is new is exported it is exported once', async () => {
  const sdk = new MetricsUnderTest(AggregationTemporality.DELTA)
  const { table } = tableOf(sdk.provider)
  const success = async () => {
    const points = await sdk.points(METRICS.records.name)
    return points.find(([{ status }]) => status === 'success')?.[1] ?? 0
  }
  assert.equal(await sdk.points(METRICS.records.name), [
    [SUCCESS, 0],
    [FAIL, 0],
  ])
  table.countRecords('success', 5)
  assert.is(await success(), 5)
  assert.is(await success(), 0)
  table.countRecords('success', 2)
  table.countRecords('success', 1)
  assert.is(await success(), 3)
})

test('every reader sees all of it', async () => {
  const delta = new OnDemandReader(AggregationTemporality.DELTA)
  const sdk = new MetricsUnderTest(AggregationTemporality.CUMULATIVE, [delta])
  const { table } = tableOf(sdk.provider)
  table.countFlush('size')
  await delta.collect()
  table.countFlush('size')
  assert.equal(await sdk.points(METRICS.flushes.name), [[{ ...USERS, trigger: 'size' }, 2]])
  const { resourceMetrics } = await delta.collect()
  const [scope] = resourceMetrics.scopeMetrics
  const flushes = scope?.metrics.find(({ descriptor }) => descriptor.name === METRICS.flushes.name)
  assert.is(flushes?.dataPoints[0]?.value, 1)
})

test('two copies of the module count on the same numbers', async () => {
  const sdk = new MetricsUnderTest()
  const copy: { OtelMetricsReporter: typeof OtelMetricsReporter } = createRequire(import.meta.url)(
    '../../../src/telemetry/metrics/otel-reporter.ts',
  )
  assert.is.not(copy.OtelMetricsReporter, OtelMetricsReporter, 'the second copy is a copy')
  tableOf(sdk.provider).table.countRecords('fail', 3)
  new copy.OtelMetricsReporter({ meterProvider: sdk.provider })
    .open(flowProbe())
    ?.table('users')
    .countRecords('fail', 4)
  assert.equal((await sdk.points(METRICS.records.name))[1], [FAIL, 7])
})

test('what is no number of events changes nothing', async () => {
  const sdk = new MetricsUnderTest()
  const { table } = tableOf(sdk.provider)
  for (const rows of [Number.NaN, Number.POSITIVE_INFINITY, -3]) table.countRecords('success', rows)
  table.countAccepted?.(Number.NaN)
  table.countRecords('success', 2)
  table.countAccepted?.(2)
  assert.equal((await sdk.points(METRICS.records.name))[0], [SUCCESS, 2])
  assert.equal(await sdk.points(METRICS.acceptedRecords.name), [[USERS, 2]])
})

test.run()
