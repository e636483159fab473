import { metrics } from '@opentelemetry/api'
import type { Instrumentation } from '@opentelemetry/instrumentation'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { BatchFlowInstrumentation, OtelMetricsReporter } from '../../src/telemetry/index.ts'
import { rejectsWith } from '../support/assertions.ts'
import { rig } from '../support/engine/flow.ts'
import { committing } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { user, users } from '../support/engine/tables.ts'
import { enableContext, Traces } from '../support/telemetry/traces.ts'

const test = suite('BatchFlowInstrumentation')
enableContext()

/** The providers a `NodeSDK` hands to its instrumentations. */
function providers() {
  const traces = new Traces()
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1_000_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const points = async (name: string) => {
    const { resourceMetrics } = await reader.collect()
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)
    return metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []
  }
  const committed = async () => {
    const records = await points('batchflow.records')
    return records.find(({ attributes }) => attributes['status'] === 'success')?.value ?? 0
  }
  return { traces, meterProvider, points, committed, stop: () => meterProvider.shutdown() }
}

function instrumentation(sdk: ReturnType<typeof providers>): BatchFlowInstrumentation {
  const made = new BatchFlowInstrumentation({ enabled: false, testName: 'instrumented' })
  const asTheSdkSeesIt: Instrumentation = made
  asTheSdkSeesIt.setTracerProvider(sdk.traces.provider)
  asTheSdkSeesIt.setMeterProvider(sdk.meterProvider)
  return made
}

test("a reporter of the flow's own is opened once, whoever observes the others", async () => {
  const sdk = providers()
  const made = instrumentation(sdk)
  made.enable()
  const reporter = new RecordingReporter()
  const { flow } = rig({ flushSize: 1 }, (executor) => executor.withMetricsReporter(reporter), committing())
  await flow.write(users, user(1))
  made.disable()
  await flow.write(users, user(2))
  await flow.close()
  assert.equal([reporter.probes.length, reporter.closed], [1, 1])
  assert.is(reporter.of('countBatch').length, 2)
  await sdk.stop()
})

test('observes flows made before it and after it, until it is disabled', async () => {
  const sdk = providers()
  const before = rig({ flushSize: 1 }, undefined, committing()).flow
  await before.write(users, user(1))
  const made = instrumentation(sdk)
  made.enable()
  const after = rig({ flushSize: 1 }, undefined, committing()).flow
  await before.write(users, user(2))
  await after.write(users, user(3))
  assert.is(await sdk.committed(), 2)
  assert.is(sdk.traces.named('batchflow.batch').length, 2)
  made.disable()
  await before.write(users, user(4))
  assert.is(await sdk.committed(), 2)
  assert.is(sdk.traces.named('batchflow.batch').length, 2)
  made.enable()
  await after.write(users, user(5))
  assert.is(await sdk.committed(), 3)
  made.disable()
  await Promise.all([before.close(), after.close()])
  await sdk.stop()
})

test('reports beside a reporter that goes to another provider, and traces', async () => {
  const sdk = providers()
  const own = providers()
  const made = instrumentation(sdk)
  made.enable()
  const reporter = new OtelMetricsReporter({ meterProvider: own.meterProvider })
  const { flow } = rig({ flushSize: 1 }, (executor) => executor.withMetricsReporter(reporter), committing())
  await flow.write(users, user(1))
  assert.is(await own.committed(), 1)
  assert.is(await sdk.committed(), 1)
  assert.is(sdk.traces.named('batchflow.batch').length, 1)
  made.disable()
  await flow.write(users, user(2))
  assert.equal([await own.committed(), await sdk.committed()], [2, 1])
  await flow.close()
  await Promise.all([sdk.stop(), own.stop()])
})

test('leaves metrics to a reporter that goes to the same provider, given by hand or the global one', async () => {
  for (const isGlobal of [false, true]) {
    const sdk = providers()
    if (isGlobal) metrics.setGlobalMeterProvider(sdk.meterProvider)
    const made = instrumentation(sdk)
    made.enable()
    const reporter = new OtelMetricsReporter({
      testName: 'own',
      ...(!isGlobal && { meterProvider: sdk.meterProvider }),
    })
    const { flow } = rig({ flushSize: 1 }, (executor) => executor.withMetricsReporter(reporter), committing())
    await flow.write(users, user(1))
    made.setConfig({ testName: 'changed' })
    await flow.write(users, user(2))
    made.disable()
    made.enable()
    await flow.write(users, user(3))
    const records = (await sdk.points('batchflow.records')).filter(({ value }) => (value as number) > 0)
    assert.equal(
      records.map(({ attributes, value }) => [attributes['test_name'], value]),
      [['own', 3]],
    )
    const sizes = await sdk.points('batchflow.batch.size')
    assert.equal(
      sizes.map(({ value }) => (value as { count: number }).count),
      [3],
    )
    assert.is(sdk.traces.named('batchflow.batch').length, 3)
    made.disable()
    await flow.close()
    await sdk.stop()
    metrics.disable()
  }
})

test('is enabled unless it is told not to be; disabled, it observes nothing, whatever else it is told', async () => {
  const sdk = providers()
  const made = new BatchFlowInstrumentation({ enabled: false, metrics: true })
  made.setMeterProvider(sdk.meterProvider)
  made.setConfig({ testName: 'still disabled' })
  assert.is(made.getConfig().testName, 'still disabled')
  const { flow } = rig({ flushSize: 1 }, undefined, committing())
  await flow.write(users, user(1))
  assert.is(await sdk.committed(), 0)
  const enabled = new BatchFlowInstrumentation()
  enabled.setMeterProvider(sdk.meterProvider)
  await flow.write(users, user(2))
  assert.is(await sdk.committed(), 1)
  enabled.disable()
  enabled.setConfig({})
  await flow.write(users, user(3))
  assert.is(await sdk.committed(), 1)
  await flow.close()
  await sdk.stop()
})

test('metrics and traces can be had one without the other', async () => {
  const sdk = providers()
  const made = instrumentation(sdk)
  made.setConfig({ metrics: false })
  made.enable()
  const { flow } = rig({ flushSize: 1 }, undefined, committing())
  await flow.write(users, user(1))
  made.setConfig({ traces: false })
  await flow.write(users, user(2))
  made.disable()
  assert.is(await sdk.committed(), 1)
  assert.is(sdk.traces.named('batchflow.batch').length, 1)
  await flow.close()
  await sdk.stop()
})

test('passes on what is said of metrics and traces', async () => {
  const sdk = providers()
  const made = instrumentation(sdk)
  made.setConfig({ database: 'ledger', testName: 'nightly', clientDuration: true, attemptSpans: 'none' })
  made.enable()
  const { flow } = rig({ flushSize: 1 }, undefined, committing())
  await flow.write(users, user(1))
  made.disable()
  const [record] = await sdk.points('batchflow.batch.size')
  assert.equal(record?.attributes, { table: 'users', database: 'ledger', test_name: 'nightly' })
  assert.is((await sdk.points('db.client.operation.duration')).length, 1)
  assert.equal(
    sdk.traces.named('').map(({ name }) => name),
    ['batchflow.batch users'],
  )
  await flow.close()
  await sdk.stop()
})

test('of two instrumentations the one enabled last observes; disabling either leaves the other', async () => {
  const [first, second] = [providers(), providers()]
  const [one, two] = [instrumentation(first), instrumentation(second)]
  const { flow } = rig({ flushSize: 1 }, undefined, committing())
  one.enable()
  two.enable()
  one.setConfig({ testName: 'renamed' })
  await flow.write(users, user(1))
  two.disable()
  await flow.write(users, user(2))
  two.enable()
  one.disable()
  await flow.write(users, user(3))
  two.disable()
  await flow.write(users, user(4))
  await flow.close()
  assert.equal([await first.committed(), await second.committed()], [1, 2])
  await first.stop()
  await second.stop()
})

test('refuses options that are none', async () => {
  const refuses = (config: object, message: string) =>
    rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => new BatchFlowInstrumentation(config))
  await refuses({ metrics: 'yes' }, 'BatchFlowInstrumentation: metrics must be true or false, received "yes"')
  await refuses(
    { attemptSpans: 'all' },
    'BatchFlowInstrumentation: attemptSpans must be one of client, internal, none, received "all"',
  )
})

test.run()
