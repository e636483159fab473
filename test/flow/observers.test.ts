import { ROOT_CONTEXT, type SpanContext } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RowFailedError } from '../../src/contract/errors.ts'
import { hub } from '../../src/contract/hub.ts'
import { noopReporter } from '../../src/contract/metrics-reporter.ts'
import type { Tracing } from '../../src/contract/tracing.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { thrownBy } from '../support/assertions.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { committing, MemoryError } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('what the engine reports')

function reported(configure: (executor: Executor) => Executor = (executor) => executor) {
  const reporter = new RecordingReporter()
  const { flow, driver, clock } = rig({ flushSize: 4, flushInterval: 100, latencySampling: 1 }, (executor) =>
    configure(executor).withMetricsReporter(reporter),
  )
  return { flow, driver, clock, reporter }
}

test('without a reporter no clock is read, whatever happens', async () => {
  for (const configure of [(e: Executor) => e, (e: Executor) => e.withMetricsReporter(noopReporter)]) {
    const { flow, driver, clock } = rig({ flushSize: 2, deadLetter: () => {} }, (executor) =>
      configure(executor.withRetry({ maxAttempts: 2, backoffBase: 10 }).withTimeout(1000)),
    )
    await flow.submitMany(users, usersFrom(1, 2))
    await flow.submitMany(updated, usersFrom(1, 2))
    driver.runs[0]!.fail(new MemoryError('deadlock'))
    driver.runs[1]!.fail(new MemoryError('permission'))
    await clock.advance(10)
    driver.runs[2]!.succeed()
    await flow.submit(users, user(3))
    await clock.advance(100)
    driver.runs[3]!.succeed()
    await flow.close()
    assert.is(clock.reads, 0)
  }
})

test('a batch that succeeds', async () => {
  const { flow, driver, clock, reporter } = reported()
  await flow.submit(users, user(1))
  await clock.advance(40)
  await flow.submit(users, user(2))
  await clock.advance(60)
  await clock.advance(250)
  driver.runs[0]!.succeed()
  await flow.close()
  assert.equal(reporter.calls, [
    ['observeEnqueueLatency', 'users', 0],
    ['observeEnqueueLatency', 'users', 0],
    ['countAccepted', 'users', 2],
    ['observeDequeueLatency', 'users', 0.1],
    ['observeDequeueLatency', 'users', 0.06],
    ['countFlush', 'users', 'interval'],
    ['observeBatchSize', 'users', 2],
    ['observeAssembleDuration', 'users', 0],
    ['observeAttemptDuration', 'users', 0.25, 'INSERT'],
    ['observeExecuteDuration', 'users', 0.25, 'success'],
    ['countBatch', 'users', 'success'],
    ['countRecords', 'users', 'success', 2],
    ['observeProcessDuration', 'users', 0.25, 'success'],
  ])
  assert.is(reporter.closed, 1)
})

test('a batch that is retried and given up in part', async () => {
  const { flow, driver, clock, reporter } = reported((executor) =>
    executor.withRetry({ maxAttempts: 2, backoffBase: 1000, jitter: 0 }),
  )
  const outcome = flow.writeMany(users, usersFrom(1, 4))
  await settled()
  driver.runs[0]!.fail(new MemoryError('lock_timeout'))
  await clock.advance(1000)
  driver.runs[1]!.succeed([{ index: 0, error: new MemoryError('duplicate_key') }])
  await outcome
  assert.equal(reporter.of('countError'), [
    ['retry', 'lock_timeout'],
    ['final', 'duplicate_key'],
  ])
  assert.equal(reporter.of('observeAttemptDuration'), [
    [0, 'INSERT', 'lock_timeout'],
    [0, 'INSERT', 'duplicate_key'],
  ])
  assert.equal(reporter.of('observeExecuteDuration'), [[1, 'fail', 'duplicate_key']])
  assert.equal(reporter.of('countBatch'), [['fail']])
  assert.equal(reporter.of('countRecords'), [
    ['success', 3],
    ['fail', 1],
  ])
  await flow.close()
})

test('the wait for room is enqueue latency, the wait for a slot is dequeue latency', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver, clock } = rig({ flushSize: 1, bufferSize: 2, latencySampling: 1 }, (executor) =>
    executor.withConcurrencyLimit(1).withMetricsReporter(reporter),
  )
  const all = flow.submitMany(users, usersFrom(1, 3))
  await clock.advance(1000)
  driver.runs[0]!.succeed()
  await all
  await clock.advance(2000)
  driver.runs[1]!.succeed()
  await settled()
  driver.runs[2]!.succeed()
  await flow.close()
  assert.equal(reporter.of('observeEnqueueLatency'), [[0], [0], [1]])
  assert.equal(reporter.of('observeDequeueLatency'), [[0], [1], [2]])
  assert.equal(
    reporter.of('observeProcessDuration').map(([seconds]) => seconds),
    [1, 2, 0],
  )
  assert.equal(
    reporter.of('observeExecuteDuration').map(([seconds]) => seconds),
    [1, 2, 0],
  )
})

test('why batches left', async () => {
  const { flow, driver, clock, reporter } = reported()
  await flow.submitMany(users, usersFrom(1, 5))
  await clock.advance(100)
  await flow.submit(users, user(6))
  void flow.flush()
  await flow.submit(users, user(7))
  const close = flow.close()
  for (const run of driver.runs) run.succeed()
  await close
  assert.equal(reporter.of('countFlush').flat(), ['size', 'interval', 'manual', 'close'])
})

test('the probe shows queue, slots and database', async () => {
  const { flow, driver, reporter } = reported((executor) => executor.withConcurrencyLimit(1))
  const [probe] = reporter.probes
  assert.equal([...probe!.queueLengths()], [])
  await flow.submitMany(users, usersFrom(1, 6))
  await flow.submit(updated, user(1))
  assert.is(probe!.database, 'memory')
  assert.equal(
    [...probe!.queueLengths()],
    [
      ['users', 2],
      ['updated', 1],
    ],
  )
  assert.is(probe!.executor.inflight, 1)
  assert.is(probe!.executor.concurrencyLimit, 1)
  const close = flow.close()
  for (let i = 0; i < 3; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  await close
  assert.equal(
    [...probe!.queueLengths()].map(([, rows]) => rows),
    [0, 0],
  )
  assert.is(probe!.executor.inflight, 0)
})

test('the probe shows each table: rows, batches, and how old the oldest row is', async () => {
  const { flow, driver, clock, reporter } = reported((executor) => executor.withConcurrencyLimit(1))
  const tables = () => reporter.probes[0]!.tables()
  const nothing = { queued: 0, inFlight: 0, batches: 0, oldestAge: undefined }
  assert.equal([...tables()], [])
  await flow.submitMany(users, usersFrom(1, 4))
  await clock.advance(3000)
  await flow.submitMany(users, usersFrom(5, 6))
  await flow.submitMany(updated, [user(1), user(1)])
  await clock.advance(500)
  assert.equal(
    [...tables()],
    [
      { table: 'users', queued: 6, inFlight: 4, batches: 1, oldestAge: 3.5 },
      { table: 'updated', queued: 2, inFlight: 0, batches: 0, oldestAge: 0.5 },
    ],
  )
  driver.runs[0]!.succeed()
  await clock.advance(1000)
  assert.equal(
    Array.from(tables(), ({ inFlight, batches, oldestAge }) => [inFlight, batches, oldestAge]),
    [
      [4, 1, 1.5],
      [0, 0, 1.5],
    ],
  )
  const close = flow.close()
  for (let i = 1; i < 4; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  await close
  assert.equal(
    [...tables()],
    [
      { table: 'users', ...nothing },
      { table: 'updated', ...nothing },
    ],
  )
})

test('batches of the tables are those in flight: one that is handed to the dead-letter handler is none', async () => {
  let taken = () => {}
  const reporter = new RecordingReporter()
  const deadLetter = () => new Promise<void>((resolve) => (taken = resolve))
  const { flow, driver, clock } = rig({ flushSize: 1, deadLetter }, (executor) =>
    executor.withMetricsReporter(reporter).withRetry(false).withTimeout(0),
  )
  const [probe] = reporter.probes
  await flow.submit(users, user(1))
  await flow.submit(updated, user(1))
  const batches = () => Array.from(probe!.tables(), (table) => table.batches)
  assert.equal([batches(), probe!.executor.inflight], [[1, 1], 2])
  driver.runs[0]!.fail(new MemoryError('permission'))
  await clock.advance(60_000)
  assert.equal([batches(), probe!.executor.inflight], [[0, 1], 1])
  const [table] = probe!.tables()
  assert.equal([table?.inFlight, table?.oldestAge], [1, 60], 'it is not settled, and grows old')
  taken()
  driver.runs[1]!.succeed()
  await flow.close()
})

test('rows of a key that is in flight are as old as they are, whatever came before them', async () => {
  const { flow, driver, clock, reporter } = reported((executor) => executor.withConcurrencyLimit(1))
  const age = () => [...reporter.probes[0]!.tables()][0]?.oldestAge
  await flow.submitMany(updated, usersFrom(1, 4))
  await clock.advance(10_000)
  await flow.submit(updated, user(1))
  await clock.advance(50)
  assert.is(age(), 10.05)
  driver.runs[0]!.succeed()
  await settled()
  assert.is(age(), 0.05)
  await clock.advance(2000)
  await flow.submit(updated, user(2))
  assert.is(age(), 2.05)
  const close = flow.close()
  for (let i = 1; i < 3; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  await close
})

test('for a reporter that comes later, rows are as old as it has known them', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver, clock } = rig({ flushSize: 2 })
  await flow.submitMany(users, usersFrom(1, 3))
  await flow.submitMany(updated, usersFrom(1, 2))
  await clock.advance(50)
  const owner = {}
  hub.observe(owner, { reporter, tracing: undefined })
  await clock.advance(10)
  const ages = () => Array.from(reporter.probes[0]!.tables(), ({ oldestAge }) => oldestAge)
  assert.equal(ages(), [0.01, 0.01])
  driver.runs[0]!.succeed()
  driver.runs[1]!.succeed()
  await settled()
  assert.equal(ages(), [0.01, undefined])
  const close = flow.close()
  driver.runs[2]!.succeed()
  await close
  hub.unobserve(owner)
})

test('whoever watches when a batch is settled hears of its rows; durations only who saw it leave', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver } = rig({ flushSize: 2 })
  await flow.submitMany(users, usersFrom(1, 2))
  const owner = {}
  hub.observe(owner, { reporter, tracing: undefined })
  driver.runs[0]!.succeed([{ index: 0, error: new MemoryError('constraint') }])
  process.once('warning', () => {})
  await flow.close()
  hub.unobserve(owner)
  assert.equal(reporter.calls, [
    ['countBatch', 'users', 'fail'],
    ['countRecords', 'users', 'success', 1],
    ['countRecords', 'users', 'fail', 1],
  ])
})

test('with a reporter the time is asked for once per batch and stage, not per row', async () => {
  for (const [table, width] of [
    [users, 10_000],
    [updated, 10_000],
    [updated, 300],
  ] as const) {
    const reporter = new RecordingReporter()
    const { flow, clock } = rig(
      { flushSize: 1000, latencySampling: 1e9 },
      (executor) => executor.withConcurrencyLimit(2).withMetricsReporter(reporter),
      committing(),
    )
    for (let id = 0; id < 10_000; id++) flow.trySubmit(table, user(id % width))
    await flow.close()
    const batches = reporter.of('countBatch').length
    assert.ok(clock.reads <= 10 * batches + 2, `${clock.reads} reads for ${batches} batches of ${table.name}`)
  }
})

test('bytes are counted once for each attempt, where the driver tells', async () => {
  const { flow, driver, clock, reporter } = reported((executor) =>
    executor.withRetry({ maxAttempts: 2, backoffBase: 1, jitter: 0 }),
  )
  driver.byteLength = 4096
  await flow.submitMany(users, usersFrom(1, 4))
  driver.runs[0]!.fail(new MemoryError('deadlock'))
  await clock.advance(1)
  driver.runs[1]!.succeed()
  await settled()
  driver.byteLength = undefined
  await flow.submit(users, user(5))
  const close = flow.close()
  driver.runs[2]!.succeed()
  await close
  assert.equal(reporter.of('countSentBytes'), [[4096], [4096]])
})

test('one row in latencySampling is sampled, whatever the size of its batch', async () => {
  const reporter = new RecordingReporter()
  const { flow } = rig(
    { flushSize: 100, latencySampling: 10 },
    (executor) => executor.withMetricsReporter(reporter),
    committing(),
  )
  const rows = 40_000
  for (let id = 0; id < rows; id++) {
    await flow.submit(users, user(id))
    if (id % 7 === 0) await flow.flush()
  }
  await flow.close()
  const samples = reporter.of('observeDequeueLatency').length
  assert.is(reporter.of('observeEnqueueLatency').length, samples)
  // Binomial: mean 4,000, standard deviation 60; seven deviations keep this from failing by chance.
  assert.ok(Math.abs(samples - rows / 10) < 420, `${samples} samples`)
})

test('about one row of a full batch is sampled unless told otherwise, but at least one row in 2,000', async () => {
  for (const [flushSize, every] of [
    [1, 1],
    [20, 20],
    [500, 500],
    [4000, 2000],
  ] as const) {
    const reporter = new RecordingReporter()
    const { flow } = rig({ flushSize }, (executor) => executor.withMetricsReporter(reporter), committing())
    const rows = every * 1000
    await flow.submitMany(users, usersFrom(0, rows))
    await flow.close()
    const samples = reporter.of('observeDequeueLatency').length
    // Binomial: mean 1,000, standard deviation below 32; seven deviations keep this from failing by chance.
    assert.ok(Math.abs(samples - 1000) < (every === 1 ? 1 : 224), `${samples} samples, flushSize ${flushSize}`)
  }
})

test('a reporter that throws is not felt by any row', async () => {
  const broken = new Proxy({}, { get: () => () => assert.unreachable('the reporter is broken') })
  const reporters = [
    { open: () => assert.unreachable('cannot open') },
    { open: () => ({ table: () => broken, close: () => assert.unreachable('cannot close') }) },
    { open: () => ({ table: () => assert.unreachable('no table'), close: () => {} }) },
  ]
  for (const reporter of reporters) {
    const { flow } = rig({ flushSize: 2 }, (executor) => executor.withMetricsReporter(reporter as never), committing())
    await flow.submitMany(users, usersFrom(1, 5))
    assert.is((await flow.close()).committed, 5)
  }
})

test('every reporter is told of everything, and one that throws does not harm the others', async () => {
  const broken = new Proxy({}, { get: () => () => assert.unreachable('the reporter is broken') })
  const reporters = [new RecordingReporter(), new RecordingReporter(), new RecordingReporter()]
  const [first, second, third] = reporters as [RecordingReporter, RecordingReporter, RecordingReporter]
  const failing = [
    { open: () => assert.unreachable('cannot open') },
    { open: () => ({ table: () => broken, close: () => assert.unreachable('cannot close') }) },
  ]
  const all = [first, failing[0], second, failing[1], third, second, noopReporter]
  const { flow, driver } = rig({ flushSize: 2, latencySampling: 1, deadLetter: () => {} }, (executor) =>
    all.reduce((made, reporter) => made.withMetricsReporter(reporter as never), executor.withRetry({ maxAttempts: 2 })),
  )
  await flow.submitMany(users, usersFrom(1, 2))
  driver.runs[0]!.succeed([{ index: 0, error: new MemoryError('constraint') }])
  await flow.submitMany(updated, [user(1), user(1)])
  const close = flow.close()
  driver.runs[1]!.fail(new MemoryError('permission'))
  await close
  await thrownBy(() => flow.submit(users, user(3)))
  assert.equal(
    reporters.map(({ probes, closed }) => [probes.length, closed]),
    [
      [1, 1],
      [1, 1],
      [1, 1],
    ],
  )
  assert.equal(new Set(first.calls.map(([verb]) => verb)).size, 15, 'all verbs')
  assert.equal(second.calls, first.calls)
  assert.equal(third.calls, first.calls)
})

test('of reporters with one destination the first reports, and one that cannot say its own is heard', async () => {
  class Going extends RecordingReporter {
    readonly #to: () => object
    constructor(to: () => object) {
      super()
      this.#to = to
    }
    destination() {
      return this.#to()
    }
  }
  const [here, there] = [{}, {}]
  const reporters = [() => here, () => there, () => here, fail].map((to) => new Going(to))
  const guest = new Going(() => there)
  const { flow } = rig(
    { flushSize: 1 },
    (executor) => reporters.reduce((made, reporter) => made.withMetricsReporter(reporter), executor),
    committing(),
  )
  hub.observe(guest, { reporter: guest, tracing: undefined })
  await flow.write(users, user(1))
  hub.unobserve(guest)
  await flow.close()
  assert.equal(
    [...reporters, guest].map((reporter) => reporter.of('countBatch').length),
    [1, 1, 0, 1, 0],
  )
})

test("who comes and goes at the hub reports beside the flow's own, which is not opened anew", async () => {
  const own = new RecordingReporter()
  const guest = new RecordingReporter()
  const { flow } = rig({ flushSize: 1 }, (executor) => executor.withMetricsReporter(own), committing())
  await flow.write(users, user(1))
  for (const reporter of [guest, own]) {
    hub.observe(guest, { reporter, tracing: undefined })
    await flow.write(users, user(2))
    hub.unobserve(guest)
    await flow.write(users, user(3))
  }
  await flow.close()
  assert.equal([own.probes.length, own.closed, own.of('countBatch').length], [1, 1, 5])
  assert.equal([guest.probes.length, guest.closed, guest.of('countBatch').length], [1, 1, 1])
})

test('tracing is asked once where the rows of one call come from', async () => {
  let asked = 0
  const seen: (readonly SpanContext[])[] = []
  const tracingAs = (spanId: string): Tracing => ({
    open: () => ({
      capture: () => {
        asked++
        return { traceId: '1'.repeat(32), spanId, traceFlags: 1 }
      },
      captureSpan: () => undefined,
      startBatch: ({ origins }) => void seen.push(origins),
    }),
  })
  const { flow } = rig({ flushSize: 4 }, (executor) => executor.withTracing(tracingAs('a')), committing())
  await flow.submitMany(users, usersFrom(1, 4))
  assert.is(asked, 1)
  await flow.writeMany(users, usersFrom(5, 4))
  assert.is(asked, 2)
  for (const user of usersFrom(9, 4)) await flow.submit(users, user)
  assert.is(asked, 6)
  assert.equal(
    seen.map((origins) => origins.map(({ spanId }) => spanId)),
    [['a'], ['a'], ['a']],
  )
  await flow.close()
})

test('what a reporter does asynchronously and fails at ends no process', async () => {
  const broken = new Proxy({}, { get: () => async () => assert.unreachable('the reporter is broken') })
  const reporter = { open: () => ({ table: () => broken, close: async () => assert.unreachable('cannot close') }) }
  const { flow } = rig({ flushSize: 2 }, (executor) => executor.withMetricsReporter(reporter as never), committing())
  await flow.submitMany(users, usersFrom(1, 5))
  assert.is((await flow.close()).committed, 5)
})

function fail(): never {
  throw new Error('no tracer')
}

/** Tracing that works but for what is said. */
function tracingBut(batch: object, attempt: object = {}): Tracing {
  const within = (act: () => unknown) => act()
  const startAttempt = () => ({ within, end: () => {}, ...attempt })
  const whole = {
    spanContext: { traceId: 'a', spanId: 'b', traceFlags: 1 },
    context: ROOT_CONTEXT,
    within,
    startAttempt,
  }
  const startBatch = () => Object.defineProperties({ ...whole, end: () => {} }, Object.getOwnPropertyDescriptors(batch))
  const open = () => ({ capture: () => undefined, captureSpan: () => undefined, startBatch })
  return { open } as never
}

const broken: Record<string, Tracing> = {
  'opening it': { open: fail },
  'each question': { open: () => ({ capture: fail, captureSpan: fail, startBatch: fail }) },
  'the context of a batch': tracingBut({
    get context() {
      return fail()
    },
  }),
  'the span context of a batch': tracingBut({
    get spanContext() {
      return fail()
    },
  }),
  'within a batch': tracingBut({ within: fail }),
  'within a batch, afterwards': tracingBut({ within: (act: () => unknown) => [act(), fail()] }),
  'the end of a batch': tracingBut({ end: fail }),
  'the end of a batch, later': tracingBut({ end: async () => fail() }),
  'the start of an attempt': tracingBut({ startAttempt: fail }),
  'within an attempt': tracingBut({}, { within: fail }),
  'within an attempt, which it never calls': tracingBut({}, { within: () => undefined }),
  'within an attempt, which it calls twice': tracingBut({}, { within: (act: () => unknown) => [act(), act()][1] }),
  'the end of an attempt': tracingBut({}, { end: fail }),
  'a batch that has no methods': tracingBut({ within: undefined, startAttempt: undefined, end: undefined }),
}
for (const [what, tracing] of Object.entries(broken)) {
  test(`tracing that throws at ${what} is not felt by any row, committed or failed`, async () => {
    const { flow, driver } = rig({ flushSize: 1, deadLetter: () => {} }, (executor) =>
      executor.withTracing(tracing).withConcurrencyLimit(1),
    )
    const writes = [1, 2, 3].map((id) => flow.write(users, user(id)))
    const failed = thrownBy(() => writes[1])
    await settled()
    driver.runs[0]!.succeed()
    await settled()
    driver.runs[1]!.fail(new MemoryError('permission'))
    await settled()
    driver.runs[2]!.succeed()
    assert.is((await writes[0]!).rows, 1)
    assert.is(((await failed) as RowFailedError).reason, 'permission')
    assert.is(driver.runs.length, 3, 'each batch was carried out once')
    const { committed, failed: count } = await flow.close()
    assert.equal([committed, count], [2, 1])
  })
}

test('tracing that throws as an outage begins and ends, or has no word for it, is not felt by any row', async () => {
  for (const batch of [{ outageBegan: fail, outageEnded: fail }, {}]) {
    const { flow, driver, clock } = rig({ flushSize: 1 }, (executor) =>
      executor.withTracing(tracingBut(batch)).withRetry({ backoffBase: 1, jitter: 0 }),
    )
    const write = flow.write(users, user(1))
    driver.runs[0]!.fail(new MemoryError('read_only'))
    await clock.advance(1)
    driver.runs[1]!.succeed()
    assert.is((await write).attempts, 2)
    await flow.close()
  }
})

test("a flow's own tracing is opened once, whoever comes and goes at the hub", async () => {
  const opened: string[] = []
  const tracingCalled = (name: string): Tracing => ({ open: () => void opened.push(name) })
  const own = rig({}, (executor) => executor.withTracing(tracingCalled('own')))
  const other = rig({})
  const observer = (name: string) => ({ reporter: undefined, tracing: tracingCalled(name) })
  const [first, second] = [{}, {}]
  hub.observe(first, observer('first'))
  hub.observe(second, observer('second'))
  hub.unobserve(second)
  hub.unobserve(first)
  assert.equal(opened, ['own', 'first', 'second', 'first'])
  await Promise.all([own.flow.close(), other.flow.close()])
})

test.run()
