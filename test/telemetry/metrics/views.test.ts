import type { Attributes } from '@opentelemetry/api'
import {
  AggregationTemporality,
  AggregationType,
  createDenyListAttributesProcessor,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
  type ViewOptions,
} from '@opentelemetry/sdk-metrics'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OtelMetricsReporter } from '../../../src/telemetry/index.ts'
import { METRICS } from '../../../src/telemetry/metrics/catalogue.ts'
import { rig } from '../../support/engine/flow.ts'
import { committing } from '../../support/engine/memory-driver.ts'
import { user, users } from '../../support/engine/tables.ts'

const test = suite('views')

/** What the SDK exports of one row written by each of these reporters' flows. */
async function exported(views: ViewOptions[], testNames = ['a']): Promise<Map<string, MetricData>> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 })
  const meterProvider = new MeterProvider({ readers: [reader], views })
  const flows = testNames.map((testName) => {
    const reporter = new OtelMetricsReporter({ meterProvider, testName })
    const limited = rig({ flushSize: 1 }, (e) => e.withConcurrencyLimit(2).withMetricsReporter(reporter), committing())
    return limited.flow
  })
  for (const flow of flows) await flow.write(users, user(1))
  const { resourceMetrics } = await reader.collect()
  for (const flow of flows) await flow.close()
  await meterProvider.shutdown()
  return new Map(resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics.map((m) => [m.descriptor.name, m])))
}

const dropTestName: ViewOptions = {
  instrumentName: 'batchflow.*',
  attributesProcessors: [createDenyListAttributesProcessor(['test_name'])],
}

function points(metric: MetricData | undefined): [Attributes, unknown][] {
  return (metric?.dataPoints ?? []).map(({ attributes, value }) => [attributes, value])
}

test('without a view test_name is on every point', async () => {
  const metrics = await exported([])
  for (const { dataPoints } of metrics.values()) {
    for (const { attributes } of dataPoints) assert.is(attributes['test_name'], 'a')
  }
})

test('a view drops test_name from everything, and counters add up what it told apart', async () => {
  const metrics = await exported([dropTestName], ['a', 'b'])
  for (const { dataPoints } of metrics.values()) {
    for (const { attributes } of dataPoints) assert.not.ok('test_name' in attributes)
  }
  const success = { table: 'users', database: 'memory', status: 'success' }
  assert.equal(
    points(metrics.get('batchflow.records')).filter(([{ status }]) => status === 'success'),
    [[success, 2]],
  )
})

test('gauges are not added up: the SDK keeps the last of those a view makes equal', async () => {
  const limits = (metrics: Map<string, MetricData>) => points(metrics.get('batchflow.executor.concurrency'))
  assert.equal(
    limits(await exported([], ['a', 'b'])).map(([, value]) => value),
    [2, 2],
  )
  assert.equal(limits(await exported([dropTestName], ['a', 'b'])), [[{ database: 'memory' }, 2]])
})

test('a view renames a metric', async () => {
  const metrics = await exported([{ instrumentName: 'batchflow.records', name: 'rows.written' }])
  assert.is(metrics.get('batchflow.records'), undefined)
  assert.is(metrics.get('rows.written')?.descriptor.unit, '{row}')
})

test('a view makes exponential histograms of the execute duration, and of nothing else', async () => {
  const metrics = await exported([
    {
      instrumentName: 'batchflow.execute.duration.seconds',
      aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM },
    },
  ])
  const typeOf = ({ name }: { name: string }) => metrics.get(name)?.dataPointType
  assert.is(typeOf(METRICS.executeDuration), DataPointType.EXPONENTIAL_HISTOGRAM)
  assert.is(typeOf(METRICS.processDuration), DataPointType.HISTOGRAM)
  assert.is(typeOf(METRICS.batchSize), DataPointType.HISTOGRAM)
})

test('two views that match one instrument export it twice', async () => {
  const rename: ViewOptions = { instrumentName: 'batchflow.records', name: 'rows.written' }
  const metrics = await exported([dropTestName, rename])
  assert.ok(metrics.has('batchflow.records') && metrics.has('rows.written'))
})

test.run()
