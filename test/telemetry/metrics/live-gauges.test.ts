import { createRequire } from 'node:module'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FlowProbe } from '../../../src/contract/metrics-reporter.ts'
import { ADAPTIVE_METRICS } from '../../../src/telemetry/metrics/adaptive-catalogue.ts'
import { METRICS } from '../../../src/telemetry/metrics/catalogue.ts'
import { OtelMetricsReporter } from '../../../src/telemetry/metrics/otel-reporter.ts'
import {
  diagnosticsOf,
  FailingExecutor,
  flowProbe,
  MetricsUnderTest,
  slots,
} from '../../support/telemetry/otel-metrics.ts'

const A = { database: 'postgres', test_name: 'a' }
const B = { database: 'postgres', test_name: 'b' }

function setUp() {
  const sdk = new MetricsUnderTest()
  const open = (testName: string, probe: FlowProbe) => {
    const flow = new OtelMetricsReporter({ testName, meterProvider: sdk.provider }).open(probe)
    assert.ok(flow)
    return flow
  }
  const gauges = async () => ({
    queue: await sdk.points(METRICS.queueLength.name),
    limit: await sdk.points(METRICS.executorConcurrency.name),
    inflight: await sdk.points(METRICS.inflightBatches.name),
  })
  const slotsOf = async () => ({
    all: await sdk.points(METRICS.executorSlots.name),
    used: await sdk.points(METRICS.executorSlotsUsed.name),
  })
  const tables = async () => ({
    accepted: await sdk.points(METRICS.acceptedRecords.name),
    unsettled: await sdk.points(METRICS.unsettledRecords.name),
    age: await sdk.points(METRICS.oldestRecordAge.name),
    batches: await sdk.points(METRICS.tableInflightBatches.name),
  })
  const outages = async () => ({
    paused: await sdk.points(METRICS.executorPaused.name),
    begun: await sdk.points(METRICS.executorOutages.name),
  })
  return { sdk, open, gauges, slotsOf, tables, outages }
}

test('flows of several reporters are summed by their attributes', async () => {
  const { open, gauges } = setUp()
  open('a', flowProbe({ executor: slots(8, 3), queues: { users: 10, orders: 1 } }))
  open('a', flowProbe({ executor: slots(4, 2), queues: { users: 5 } }))
  open('b', flowProbe({ executor: slots(2, 1), queues: { users: 7 } }))
  assert.equal(await gauges(), {
    queue: [
      [{ table: 'users', ...A }, 15],
      [{ table: 'orders', ...A }, 1],
      [{ table: 'users', ...B }, 7],
    ],
    limit: [
      [A, 12],
      [B, 2],
    ],
    inflight: [
      [A, 5],
      [B, 1],
    ],
  })
})

test('each collection reads the present state', async () => {
  const { open, gauges } = setUp()
  const queues = { users: 10 }
  const executor = { ...slots(8, 1) }
  open('a', flowProbe({ executor, queues }))
  await gauges()
  queues.users = 2
  executor.inflight = 4
  const { queue, inflight } = await gauges()
  assert.equal(queue, [[{ table: 'users', ...A }, 2]])
  assert.equal(inflight, [[A, 4]])
})

test('an executor shared by flows counts once, whichever of them is closed', async () => {
  const { open, gauges } = setUp()
  const executor = slots(8, 3)
  const first = open('a', flowProbe({ executor, queues: { users: 1 } }))
  open('a', flowProbe({ executor, queues: { users: 1 } }))
  const shared = await gauges()
  assert.equal([shared.queue[0]?.[1], shared.limit, shared.inflight], [2, [[A, 8]], [[A, 3]]])
  first.close()
  const left = await gauges()
  assert.equal([left.queue[0]?.[1], left.limit, left.inflight], [1, [[A, 8]], [[A, 3]]])
})

test('one unlimited executor makes the sum unlimited, which is 0', async () => {
  const { open, gauges } = setUp()
  open('a', flowProbe({ executor: slots(8, 3) }))
  const unlimited = open('a', flowProbe({ executor: slots(0, 4) }))
  const { limit, inflight } = await gauges()
  assert.equal(limit, [[A, 0]])
  assert.equal(inflight, [[A, 7]])
  unlimited.close()
  assert.equal((await gauges()).limit, [[A, 8]])
})

test('slots in use are those of executors with a limit, whoever else has the same labels', async () => {
  const { open, slotsOf } = setUp()
  open('a', flowProbe({ executor: slots(8, 3) }))
  const shared = slots(4, 4)
  open('a', flowProbe({ executor: shared }))
  const flow = open('a', flowProbe({ executor: shared }))
  open('a', flowProbe({ executor: slots(0, 450) }))
  open('b', flowProbe({ executor: slots(0, 7) }))
  const used = [
    [A, 7],
    [B, 0],
  ]
  const all = [
    [A, 12],
    [B, 0],
  ]
  assert.equal(await slotsOf(), { all, used })
  flow.close()
  assert.equal(await slotsOf(), { all, used })
})

test('tables of all flows: rows and batches are summed, the oldest row is the oldest of all', async () => {
  const { open, tables } = setUp()
  const users = { inFlight: 4, batches: 2, oldestAge: 1.5 }
  const first = open('a', flowProbe({ queues: { users: 10 }, tables: { users } }))
  open('a', flowProbe({ tables: { users: { inFlight: 1, batches: 1, oldestAge: 90 } } }))
  open('b', flowProbe({ queues: { users: 1 }, tables: { users: { oldestAge: 0.25 } } }))
  const ofA = { table: 'users', ...A }
  const ofB = { table: 'users', ...B }
  assert.equal(await tables(), {
    accepted: [
      [ofA, 15],
      [ofB, 1],
    ],
    unsettled: [
      [ofA, 15],
      [ofB, 1],
    ],
    age: [
      [ofA, 90],
      [ofB, 0.25],
    ],
    batches: [
      [ofA, 3],
      [ofB, 0],
    ],
  })
  first.close()
  const left = await tables()
  assert.equal([left.accepted[0]?.[1], left.unsettled[0]?.[1], left.batches[0]?.[1]], [15, 1, 1])
})

test('after the last close every attribute set goes on at 0, and closing twice is harmless', async () => {
  const { open, gauges } = setUp()
  const flow = open('a', flowProbe({ executor: slots(8, 3), queues: { users: 10, orders: 1 } }))
  await gauges()
  flow.close()
  flow.close()
  const zero = {
    queue: [
      [{ table: 'users', ...A }, 0],
      [{ table: 'orders', ...A }, 0],
    ],
    limit: [[A, 0]],
    inflight: [[A, 0]],
  }
  assert.equal(await gauges(), zero)
  assert.equal(await gauges(), zero)
})

test('a flow that lived between two collections shows its gauges at 0', async () => {
  const { sdk, open, gauges } = setUp()
  const flow = open('a', flowProbe({ executor: slots(8, 3), queues: { users: 2 } }))
  flow.table('users')
  flow.close()
  assert.equal(await sdk.points(METRICS.acceptedRecords.name), [[{ table: 'users', ...A }, 2]])
  assert.equal(await gauges(), { queue: [[{ table: 'users', ...A }, 0]], limit: [[A, 0]], inflight: [[A, 0]] })
})

test('queue lengths of the tables past the cap are summed under _other', async () => {
  const { open, gauges } = setUp()
  const queues = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`t${i}`, i]))
  open('a', flowProbe({ queues }))
  const { queue } = await gauges()
  assert.is(queue.length, 61)
  assert.equal(queue[60], [{ table: '_other', ...A }, 60 + 61 + 62 + 63 + 64])
})

test('two copies of the module on one provider share the callback', async () => {
  const { sdk, open, gauges } = setUp()
  const copy: { OtelMetricsReporter: typeof OtelMetricsReporter } = createRequire(import.meta.url)(
    '../../../src/telemetry/metrics/otel-reporter.ts',
  )
  assert.is.not(copy.OtelMetricsReporter, OtelMetricsReporter, 'the second copy is a copy')
  open('a', flowProbe({ executor: slots(8, 3), queues: { users: 10 } }))
  new copy.OtelMetricsReporter({ testName: 'a', meterProvider: sdk.provider }).open(
    flowProbe({ executor: slots(2, 1), queues: { users: 5 } }),
  )
  assert.equal(await gauges(), { queue: [[{ table: 'users', ...A }, 15]], limit: [[A, 10]], inflight: [[A, 4]] })
})

test('a probe that throws is logged once and hides no other flow', async () => {
  const { open, gauges } = setUp()
  const heard = await diagnosticsOf(async () => {
    open('a', {
      ...flowProbe(),
      tables() {
        throw new Error('no lengths today')
      },
    })
    open('a', flowProbe({ executor: slots(8, 3), queues: { users: 4 } }))
    assert.equal((await gauges()).queue, [[{ table: 'users', ...A }, 4]])
  })
  assert.is(heard.length, 1)
})

test('executors that wait for their database are summed; outages are counted by reason', async () => {
  const { open, outages } = setUp()
  const [one, two, other] = [new FailingExecutor(), new FailingExecutor(), new FailingExecutor()]
  open('a', flowProbe({ executor: one }))
  open('a', flowProbe({ executor: two }))
  open('b', flowProbe({ executor: other }))
  const calm = [
    [A, 0],
    [B, 0],
  ]
  assert.equal(await outages(), { paused: calm, begun: [] })
  one.begin('connection')
  two.begin('read_only')
  assert.equal(await outages(), {
    paused: [
      [A, 2],
      [B, 0],
    ],
    begun: [
      [{ ...A, reason: 'connection' }, 1],
      [{ ...A, reason: 'read_only' }, 1],
    ],
  })
  one.end()
  two.end()
  two.begin('connection')
  two.end()
  other.begin('connection')
  other.end()
  assert.equal(await outages(), {
    paused: calm,
    begun: [
      [{ ...A, reason: 'connection' }, 2],
      [{ ...A, reason: 'read_only' }, 1],
      [{ ...B, reason: 'connection' }, 1],
    ],
  })
})

test('an outage counts once, whatever flows share its executor, come and go', async () => {
  const { open, outages } = setUp()
  const executor = new FailingExecutor()
  const begun = async () => (await outages()).begun
  const once = [[{ ...A, reason: 'connection' }, 1]]
  const first = open('a', flowProbe({ executor }))
  const second = open('a', flowProbe({ executor }))
  executor.begin('connection')
  assert.equal(await begun(), once)
  first.close()
  assert.equal(await begun(), once)
  second.close()
  assert.equal(await outages(), { paused: [[A, 0]], begun: once }, 'closed in the middle of it')
  const third = open('a', flowProbe({ executor }))
  assert.equal(await outages(), { paused: [[A, 1]], begun: once })
  executor.end()
  executor.begin('connection')
  third.close()
  assert.equal(await begun(), [[{ ...A, reason: 'connection' }, 2]], 'begun since the last collection')
  open('a', flowProbe({ executor }))
  open('b', flowProbe({ executor }))
  assert.equal(
    await begun(),
    [
      [{ ...A, reason: 'connection' }, 2],
      [{ ...B, reason: 'connection' }, 2],
    ],
    'each set of attributes counts for itself',
  )
})

test('an executor whose batches were all given up waits for nothing, until the next one comes', async () => {
  const { open, outages } = setUp()
  const executor = new FailingExecutor()
  open('a', flowProbe({ executor }))
  executor.begin('connection')
  executor.inflight = 0
  assert.equal((await outages()).paused, [[A, 0]])
  executor.inflight = 2
  assert.equal((await outages()).paused, [[A, 1]])
})

test('reasons of outages past the cap are summed under _other', async () => {
  const { open, outages } = setUp()
  const executor = new FailingExecutor()
  open('a', flowProbe({ executor }))
  for (let i = 0; i < 63; i++) executor.begin(`reason ${i}`)
  const { begun } = await outages()
  assert.is(begun.length, 61)
  assert.equal(begun[60], [{ ...A, reason: '_other' }, 3])
})

test('of flows that find their settings by themselves the largest size is told, and all batches at once', async () => {
  const { sdk, open } = setUp()
  const found = async () => [
    await sdk.points(ADAPTIVE_METRICS.adaptiveFlushSize.name),
    await sdk.points(ADAPTIVE_METRICS.adaptiveConcurrency.name),
  ]
  open('b', flowProbe())
  assert.equal(await found(), [[], []], 'nobody sees them who has none')
  const adaptive = { flushSize: 1000, concurrency: 4 }
  const flows = [
    open('a', flowProbe({ adaptive })),
    open('a', flowProbe({ adaptive: { flushSize: 500, concurrency: 2 } })),
  ]
  assert.equal(await found(), [[[A, 1000]], [[A, 6]]])
  adaptive.flushSize = 250
  assert.equal(await found(), [[[A, 500]], [[A, 6]]])
  for (const flow of flows) flow.close()
  assert.equal(await found(), [[[A, 0]], [[A, 0]]])
})

test('a value that is not finite is not observed', async () => {
  const { sdk, open, gauges } = setUp()
  const tables = { users: { oldestAge: Number.NaN } }
  open('a', flowProbe({ executor: slots(Number.NaN, 3), queues: { users: Number.POSITIVE_INFINITY }, tables }))
  assert.equal(await sdk.points(METRICS.oldestRecordAge.name), [])
  assert.equal(await gauges(), { queue: [], limit: [], inflight: [[A, 3]] })
})

test.run()
