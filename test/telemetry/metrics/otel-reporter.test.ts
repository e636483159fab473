import { type Attributes, createNoopMeter, type MeterProvider, metrics, ValueType } from '@opentelemetry/api'
import type { Histogram } from '@opentelemetry/sdk-metrics'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FlowMetrics, TableMetrics } from '../../../src/contract/metrics-reporter.ts'
import { METRICS, type MetricSpec, prometheusType } from '../../../src/telemetry/metrics/catalogue.ts'
import { OtelMetricsReporter } from '../../../src/telemetry/metrics/otel-reporter.ts'
import { SCOPE } from '../../../src/telemetry/scope.ts'
import {
  diagnosticsOf,
  exportedKind,
  flowProbe,
  MetricsUnderTest,
  slots,
} from '../../support/telemetry/otel-metrics.ts'

const ALL: readonly MetricSpec[] = Object.values(METRICS)
const USERS = { table: 'users', database: 'postgres', test_name: 'signup' }

function openFlow(meterProvider: MeterProvider, testName = 'signup'): FlowMetrics {
  const executor = slots(0, 0, { connection: 1 })
  const flow = new OtelMetricsReporter({ testName, meterProvider }).open(flowProbe({ executor, queues: { users: 3 } }))
  assert.ok(flow)
  return flow
}

function useEveryVerb(table: TableMetrics): void {
  table.observeEnqueueLatency(0.0002)
  table.observeDequeueLatency(0.02)
  table.observeAssembleDuration(0.0003)
  table.observeExecuteDuration(0.25, 'success')
  table.observeExecuteDuration(2, 'fail', 'deadlock')
  table.observeProcessDuration(0.5, 'fail')
  table.observeBatchSize(200)
  table.countBatch('success')
  table.countRecords('success', 199)
  table.countRecords('fail', 1)
  table.countError('retry', 'connection')
  table.countError('final', 'duplicate_key')
  table.countRejected('full', 4)
  table.countFlush('pressure')
  table.countCoalesced('update', 7)
  table.countDeadLetters('invalid_data', 2)
  table.countAccepted?.(200)
  table.countSentBytes?.(4096)
  table.countSuperseded?.(4)
  table.countDeleted?.(3)
}

test('a failure without a reason has none, and what succeeded neither', async () => {
  const sdk = new MetricsUnderTest()
  const table = openFlow(sdk.provider).table('users')
  table.observeExecuteDuration(1, 'fail')
  table.observeExecuteDuration(2, 'success', 'deadlock')
  assert.equal(await sdk.points(METRICS.executeDuration.name), [
    [{ ...USERS, status: 'fail' }, [1, 1]],
    [{ ...USERS, status: 'success' }, [1, 2]],
  ])
})

test('every instrument is exported as the catalogue declares it, under one scope without schema URL', async () => {
  const sdk = new MetricsUnderTest()
  useEveryVerb(openFlow(sdk.provider).table('users'))
  const scopes = await sdk.scopes()
  assert.equal(
    scopes.map(({ scope }) => [scope.name, scope.version, scope.schemaUrl]),
    [[SCOPE.name, SCOPE.version, undefined]],
  )
  const exported = await sdk.metrics()
  assert.is(exported.size, ALL.length)
  for (const spec of ALL) {
    const metric = exported.get(spec.name)
    assert.ok(metric, spec.name)
    const { unit, description, valueType } = metric.descriptor
    assert.equal({ unit, description }, { unit: spec.unit, description: spec.description }, spec.name)
    assert.is(valueType, spec.unit === 's' ? ValueType.DOUBLE : ValueType.INT, spec.name)
    assert.is(exportedKind(metric), prometheusType(spec), spec.name)
    const used = new Set(metric.dataPoints.flatMap(({ attributes }) => Object.keys(attributes)))
    assert.equal([...used].sort(), [...spec.attributes].sort(), spec.name)
    if (spec.buckets === undefined) continue
    for (const { value } of metric.dataPoints) {
      assert.equal((value as Histogram).buckets.boundaries, spec.buckets, spec.name)
    }
  }
})

const RECORDED: readonly (readonly [MetricSpec, readonly (readonly [Attributes, unknown])[]])[] = [
  [METRICS.enqueueLatency, [[{}, [1, 0.0002]]]],
  [METRICS.dequeueLatency, [[{}, [1, 0.02]]]],
  [METRICS.assembleDuration, [[{}, [1, 0.0003]]]],
  [
    METRICS.executeDuration,
    [
      [{ status: 'success' }, [1, 0.25]],
      [{ status: 'fail', 'error.type': 'deadlock' }, [1, 2]],
    ],
  ],
  [METRICS.processDuration, [[{ status: 'fail' }, [1, 0.5]]]],
  [METRICS.batchSize, [[{}, [1, 200]]]],
  [
    METRICS.batches,
    [
      [{ status: 'success' }, 1],
      [{ status: 'fail' }, 0],
    ],
  ],
  [
    METRICS.records,
    [
      [{ status: 'success' }, 199],
      [{ status: 'fail' }, 1],
    ],
  ],
  [
    METRICS.errors,
    [
      [{ type: 'retry:connection', 'error.type': 'connection' }, 1],
      [{ type: 'final:duplicate_key', 'error.type': 'duplicate_key' }, 1],
    ],
  ],
  [METRICS.submitRejected, [[{ reason: 'full' }, 4]]],
  [METRICS.flushes, [[{ trigger: 'pressure' }, 1]]],
  [METRICS.coalescedRecords, [[{ strategy: 'update' }, 7]]],
  [METRICS.deadLetters, [[{ reason: 'invalid_data' }, 2]]],
  [METRICS.queueLength, [[{}, 3]]],
  [METRICS.acceptedRecords, [[{}, 203]]],
  [METRICS.sentBytes, [[{}, 4096]]],
  [METRICS.supersededRecords, [[{}, 4]]],
  [METRICS.deletedRecords, [[{}, 3]]],
]

test('each verb records its value with its attributes', async () => {
  const sdk = new MetricsUnderTest()
  useEveryVerb(openFlow(sdk.provider).table('users'))
  for (const [spec, expected] of RECORDED) {
    const wanted = expected.map(([attributes, value]) => [{ ...USERS, ...attributes }, value])
    assert.equal(await sdk.points(spec.name), wanted, spec.name)
  }
})

test('batches and records start at 0 for both statuses when a table is first seen, and are not reset later', async () => {
  const sdk = new MetricsUnderTest()
  const flow = openFlow(sdk.provider)
  const table = flow.table('users')
  const started = [
    [{ ...USERS, status: 'success' }, 0],
    [{ ...USERS, status: 'fail' }, 0],
  ]
  assert.equal(await sdk.points(METRICS.batches.name), started)
  assert.equal(await sdk.points(METRICS.records.name), started)
  table.countRecords('fail', 5)
  flow.table('users').countRecords('fail', 1)
  openFlow(sdk.provider).table('users').countRecords('fail', 1)
  assert.equal((await sdk.points(METRICS.records.name))[1], [{ ...USERS, status: 'fail' }, 7])
})

test('what is not a finite number is never recorded', async () => {
  const sdk = new MetricsUnderTest()
  const table = openFlow(sdk.provider).table('users')
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    table.observeExecuteDuration(value, 'success')
    table.observeBatchSize(value)
    table.countRecords('success', value)
  }
  table.observeBatchSize(8)
  assert.equal(await sdk.points(METRICS.executeDuration.name), [])
  assert.equal(await sdk.points(METRICS.batchSize.name), [[USERS, [1, 8]]])
  assert.equal((await sdk.points(METRICS.records.name))[0], [{ ...USERS, status: 'success' }, 0])
})

test('database is the driver unless named, test_name is absent unless set', async () => {
  const sdk = new MetricsUnderTest()
  const { provider: meterProvider } = sdk
  new OtelMetricsReporter({ meterProvider })
    .open(flowProbe({ database: 'sqlite' }))
    ?.table('a')
    .countFlush('size')
  new OtelMetricsReporter({ meterProvider, database: 'shard_7' }).open(flowProbe())?.table('a').countFlush('size')
  assert.equal(await sdk.points(METRICS.flushes.name), [
    [{ table: 'a', database: 'sqlite', trigger: 'size' }, 1],
    [{ table: 'a', database: 'shard_7', trigger: 'size' }, 1],
  ])
})

test('a global provider may be set after the reporter was made, not after the flow', async () => {
  const sdk = new MetricsUnderTest()
  const reporter = new OtelMetricsReporter()
  try {
    const heard = await diagnosticsOf(() => assert.is(reporter.open(flowProbe()), undefined))
    assert.equal(heard, ['warn: batchflow-otel: no MeterProvider is registered yet, so this flow reports no metrics'])
    metrics.setGlobalMeterProvider(sdk.provider)
    reporter.open(flowProbe())?.table('late').countFlush('manual')
  } finally {
    metrics.disable()
  }
  const late = { table: 'late', database: 'postgres', trigger: 'manual' }
  assert.equal(await sdk.points(METRICS.flushes.name), [[late, 1]])
})

test('no meter is asked for before a flow is created, and one per provider then', () => {
  let asked = 0
  const provider = new MetricsUnderTest().provider
  const counting: MeterProvider = {
    getMeter(...args) {
      asked++
      return provider.getMeter(...args)
    },
  }
  const reporter = new OtelMetricsReporter({ meterProvider: counting })
  assert.is(asked, 0)
  reporter.open(flowProbe())
  new OtelMetricsReporter({ meterProvider: counting }).open(flowProbe())
  assert.is(asked, 1)
})

test('past 60 tables further ones are _other, whichever reporter sees them', async () => {
  const sdk = new MetricsUnderTest()
  const flow = openFlow(sdk.provider)
  for (let i = 1; i <= 62; i++) flow.table(`t${i}`).countFlush('size') // the flow has `users` besides
  flow.table('t59').countFlush('size')
  openFlow(sdk.provider, 'second').table('t63').countFlush('size')
  const points = await sdk.points(METRICS.flushes.name)
  const byTable = points.map(([{ table, test_name }, value]) => `${test_name} ${table} ${value}`)
  assert.is(byTable.length, 61)
  assert.equal(byTable.slice(-3), ['signup t59 2', 'signup _other 3', 'second _other 1'])
})

test('labels that a classify hook invents without end become _other too', async () => {
  const sdk = new MetricsUnderTest()
  const table = openFlow(sdk.provider).table('users')
  for (let i = 0; i < 500; i++) table.countError('final', `request ${i}`)
  const points = await sdk.points(METRICS.errors.name)
  assert.is(points.length, 61)
  assert.equal(points[60], [{ ...USERS, type: 'final:_other', 'error.type': '_other' }, 440])
})

/** A meter that only listens or fails: no SDK does either on request. */
function meterWith(write: (attributes: Attributes | undefined) => void): MeterProvider {
  const instrument = {
    add: (_value: number, attributes?: Attributes) => write(attributes),
    record: (_value: number, attributes?: Attributes) => write(attributes),
  }
  const meter = Object.assign(Object.create(createNoopMeter()), {
    createCounter: () => instrument,
    createHistogram: () => instrument,
  })
  return { getMeter: () => meter }
}

test('attributes are built once: the same record passes the same object', () => {
  const seen: (Attributes | undefined)[] = []
  const table = openFlow(meterWith((attributes) => seen.push(attributes))).table('users')
  const count = (): Set<unknown> => {
    useEveryVerb(table)
    return new Set(seen)
  }
  assert.is(count().size, count().size)
})

test('a meter that throws is logged once and never heard by the engine', async () => {
  const heard = await diagnosticsOf(() => {
    const throwing = meterWith(() => {
      throw new Error('meter is broken')
    })
    useEveryVerb(openFlow(throwing).table('users'))
  })
  assert.equal(heard, ['error: batchflow-otel: the meter failed; writing goes on, further failures are not logged'])
})

test('a provider that cannot make a meter leaves the flow without metrics', async () => {
  const meterProvider: MeterProvider = {
    getMeter() {
      throw new Error('provider is broken')
    },
  }
  const reporter = new OtelMetricsReporter({ meterProvider })
  const heard = await diagnosticsOf(() => assert.is(reporter.open(flowProbe()), undefined))
  assert.is(heard.length, 1)
})

test('bad options are refused by name', () => {
  const refusal = (options: object) => {
    try {
      new OtelMetricsReporter(options)
    } catch (error) {
      const { code, message } = error as { code: string; message: string }
      return `${code} ${message}`
    }
    return 'accepted'
  }
  assert.is(
    refusal({ database: '' }),
    'ERR_BATCHFLOW_OPTION OtelMetricsReporter: database must be a non-empty string, received ""',
  )
  assert.is(
    refusal({ testName: 7 }),
    'ERR_BATCHFLOW_OPTION OtelMetricsReporter: testName must be a non-empty string, received 7',
  )
  assert.is(
    refusal({ meterProvider: null }),
    'ERR_BATCHFLOW_OPTION OtelMetricsReporter: meterProvider must be a MeterProvider with a method getMeter(), received null',
  )
  assert.is(refusal({ database: undefined, testName: undefined, meterProvider: undefined }), 'accepted')
})

test.run()
