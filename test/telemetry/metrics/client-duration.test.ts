import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OtelMetricsReporter } from '../../../src/telemetry/index.ts'
import { settled } from '../../support/engine/clock.ts'
import { rig } from '../../support/engine/flow.ts'
import { MemoryDriver, MemoryError } from '../../support/engine/memory-driver.ts'
import { user, users } from '../../support/engine/tables.ts'

const test = suite('db.client.operation.duration')

type Configured = Parameters<NonNullable<Parameters<typeof rig>[1]>>[0]

/** The metric after one attempt that failed and one that did not. */
async function metricWith(clientDuration: boolean | undefined) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const reporter = new OtelMetricsReporter({ meterProvider, clientDuration })
  const driver = new MemoryDriver()
  driver.classify = () => ({ reason: 'deadlock', code: '40P01' })
  const configure = (executor: Configured) =>
    executor.withMetricsReporter(reporter).withRetry({ maxAttempts: 2, backoffBase: 0 })
  const { flow, clock } = rig({ flushSize: 1 }, configure, driver)
  const write = flow.write(users, user(1))
  await clock.advance(30)
  driver.runs[0]!.fail(new MemoryError('deadlock'))
  for (let turn = 0; turn < 2; turn++) await settled()
  driver.runs[1]!.succeed()
  await write
  await flow.close()
  const { resourceMetrics } = await reader.collect()
  await meterProvider.shutdown()
  const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)
  return metrics.find(({ descriptor }) => descriptor.name === 'db.client.operation.duration')
}

test('is recorded once per attempt, when asked for', async () => {
  const metric = await metricWith(true)
  assert.is(metric!.descriptor.unit, 's')
  const points = metric!.dataPoints as { attributes: object; value: { sum: number; count: number; buckets: object } }[]
  const common = { 'db.system.name': 'memory', 'db.collection.name': 'users', 'db.operation.name': 'INSERT' }
  assert.equal(
    points.map(({ attributes, value }) => [attributes, value.count, value.sum]),
    [
      [{ ...common, 'error.type': 'deadlock', 'db.response.status_code': '40P01' }, 1, 0.03],
      [common, 1, 0],
    ],
  )
  const { boundaries } = points[0]!.value.buckets as { boundaries: number[] }
  assert.equal(boundaries, [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10])
})

test('a misspelt option of the reporter is refused', () => {
  const misspelt = () => new OtelMetricsReporter({ testname: 'x' } as never)
  assert.throws(misspelt, /OtelMetricsReporter: unknown option "testname"; there are database, testName/)
})

test('is not there otherwise', async () => {
  assert.is(await metricWith(undefined), undefined)
  assert.is(await metricWith(false), undefined)
})

test.run()
