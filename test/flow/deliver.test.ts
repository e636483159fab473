import type { SpanContext } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ClosedError, FencedError, InvalidRowError, RowFailedError } from '../../src/contract/errors.ts'
import { deliverBatch } from '../../src/flow/deliver-batch.ts'
import type { Receipt, Receiver } from '../../src/lanes/waiter.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { OtelTracing } from '../../src/telemetry/tracing/otel-tracing.ts'
import { rejectsWith } from '../support/assertions.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { committing, MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, updated, user, users, usersFrom, versioned } from '../support/engine/tables.ts'
import { Traces } from '../support/telemetry/traces.ts'

const test = suite('rows with a receiver')

class Heard implements Receiver {
  readonly receipts: Receipt[] = []
  readonly errors: unknown[] = []

  committed(receipt: Receipt): void {
    this.receipts.push(receipt)
  }

  failed(error: unknown): void {
    this.errors.push(error)
  }
}

function origin(n: number): SpanContext {
  const hex = n.toString(16)
  return { traceId: hex.padStart(32, '0'), spanId: hex.padStart(16, '0'), traceFlags: 1, isRemote: true }
}

test('a receiver hears once for each of its rows', async () => {
  const { flow, driver } = rig({ flushSize: 2 }, undefined, new MemoryDriver())
  const heard = new Heard()
  for (const row of usersFrom(1, 4)) await flow.deliver(users, row, heard)
  driver.runs[0]!.succeed()
  driver.runs[1]!.succeed([{ index: 1, error: new MemoryError('constraint') }])
  await settled()
  assert.equal(
    heard.receipts.map(({ rows }) => rows),
    [2, 2, 2],
  )
  assert.is(heard.errors.length, 1)
  assert.instance(heard.errors[0], RowFailedError)
  assert.is((await flow.close()).failed, 1)
})

test('delivering waits for room, with the promise of submit where there is some', async () => {
  const { flow, driver } = rig({ flushSize: 1, bufferSize: 1 })
  const heard = new Heard()
  assert.is(flow.deliver(users, user(1), heard), rig().flow.submit(users, user(1)))
  let accepted = false
  const waiting = flow.deliver(users, user(2), heard).then(() => (accepted = true))
  await settled()
  assert.is(accepted, false)
  driver.runs[0]!.succeed()
  await waiting
  driver.runs[1]!.succeed()
  await flow.close()
  assert.is(heard.receipts.length, 2)
})

test('what a receiver throws harms nobody else', async () => {
  const { flow } = rig({ flushSize: 2 }, undefined, committing())
  const heard = new Heard()
  const throwing: Receiver = {
    committed: () => {
      throw new Error('oops')
    },
    failed: () => {},
  }
  await flow.deliver(users, user(1), throwing)
  await flow.deliver(users, user(2), heard)
  await settled()
  assert.is(heard.receipts.length, 1)
  assert.is((await flow.close()).committed, 2)
})

test('a receiver is asked for, a row must be one, and a flow open', async () => {
  const { flow } = rig({}, undefined, committing())
  const heard = new Heard()
  const refuses = (type: typeof OptionError, message: RegExp, act: () => unknown) =>
    rejectsWith(type, 'ERR_BATCHFLOW_OPTION', message, act)
  await refuses(
    OptionError,
    /^deliver: receiver must be a receiver with a method failed\(\), received an object$/,
    () => flow.deliver(users, user(1), { committed: () => {} } as never),
  )
  await refuses(OptionError, /^deliver: unknown option "orgin"; there are signal, origin$/, () =>
    flow.deliver(users, user(1), heard, { orgin: origin(1) } as never),
  )
  await refuses(OptionError, /^deliver: origin must be an object, received "00-1"$/, () =>
    flow.deliver(users, user(1), heard, { origin: '00-1' } as never),
  )
  await rejectsWith(InvalidRowError, 'ERR_BATCHFLOW_ROW', /must be an object/, () =>
    flow.deliver(users, 1 as never, heard),
  )
  await flow.close()
  await rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', /closed/, () => flow.deliver(users, user(1), heard))
  assert.equal([heard.receipts, heard.errors], [[], []])
})

test('a batch is linked to the spans its rows are said to come from', async () => {
  const traces = new Traces()
  const tracing = new OtelTracing({ tracerProvider: traces.provider })
  const { flow } = rig({ flushSize: 3 }, (executor) => executor.withTracing(tracing), committing())
  const heard = new Heard()
  const first = origin(1)
  await flow.deliver(users, user(1), heard, { origin: first })
  await flow.deliver(users, user(2), heard, { origin: first })
  await flow.deliver(users, user(3), heard, { origin: origin(2) })
  await flow.deliver(users, user(4), heard, { origin: { ...origin(3), spanId: 'nonsense' } })
  await flow.close()
  const [full, last] = traces.named('batchflow.batch')
  assert.equal(
    full!.links.map(({ context }) => context.spanId),
    [origin(1).spanId, origin(2).spanId],
  )
  assert.equal(last!.links, [])
})

test('a batch that is ready-made stays as it is, and its receiver hears once', async () => {
  const { flow, driver } = rig({ flushSize: 10 }, undefined, new MemoryDriver())
  const heard = new Heard()
  await flow.submit(users, user(99))
  deliverBatch(flow, users, usersFrom(1, 3), () => ({ receiver: heard }))
  deliverBatch(flow, users, usersFrom(4, 2), () => ({ receiver: heard }))
  assert.equal(
    driver.runs.map(({ rows }) => ids(rows)),
    [
      [1, 2, 3],
      [4, 5],
    ],
  )
  driver.runs[1]!.succeed()
  driver.runs[0]!.fail(new MemoryError('permission'))
  await settled()
  assert.equal(
    heard.receipts.map(({ rows }) => rows),
    [2],
  )
  assert.is(heard.errors.length, 1)
  const closed = flow.close()
  await settled()
  driver.runs[2]!.succeed()
  assert.equal(ids(driver.runs[2]!.rows), [99])
  const { committed, failed } = await closed
  assert.equal({ committed, failed }, { committed: 3, failed: 3 })
})

test('rows of one key are merged in a ready batch, in the order of their keys', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver } = rig({}, (executor) => executor.withMetricsReporter(reporter), committing())
  const heard = new Heard()
  deliverBatch(flow, updated, [user(2), user(1), { id: 2, name: 'later' }], () => ({ receiver: heard }))
  await settled()
  assert.equal(driver.committed, [user(1), { ...user(2), name: 'later' }])
  assert.is(heard.receipts.length, 1)
  assert.equal(reporter.of('countCoalesced'), [['update', 1]])
  assert.equal(reporter.of('countRecords'), [['success', 3]])
  assert.equal(reporter.of('countAccepted'), [[3]])
  assert.is((await flow.close()).committed, 3)
})

test('a ready batch ends before a row that cannot be merged with another of its key', async () => {
  const { flow, driver } = rig({}, undefined, committing())
  const heard = new Heard()
  const row = (id: number, version: number, name?: string) => ({ ...user(id), name, version }) as never
  const taken: number[] = []
  const rows = [row(1, 1, 'a'), row(2, 1, 'b'), row(2, 1, 'not newer'), row(1, 2), row(3, 1, 'c')]
  deliverBatch(flow, versioned, rows, (count) => {
    taken.push(count)
    return { receiver: heard }
  })
  await settled()
  assert.equal(taken, [3])
  assert.equal(driver.committed, [row(1, 1, 'a'), row(2, 1, 'b')])
  assert.is(heard.receipts.length, 1)
  assert.equal(heard.errors, [])
  assert.is(flow.stats().superseded, 1)
  assert.is((await flow.close()).committed, 3)
})

test('what a batch with a companion wrote before it failed is not counted as superseded: its rows come again', async () => {
  const { flow, driver } = rig({}, undefined, new MemoryDriver())
  const heard = new Heard()
  const rows = [{ ...user(1), version: 1 }, { id: 2, name: 'two', version: 1 } as never]
  const companion = { kind: 'move', scope: 's', expected: '1', value: '2' } as const
  deliverBatch(flow, versioned, rows, () => ({ receiver: heard, companion }))
  driver.runs[0]!.succeed([], 1)
  await settled()
  driver.runs[1]!.fail(new FencedError('s'))
  await settled()
  assert.is(heard.errors.length, 1)
  assert.is(flow.stats().superseded, 0)
  assert.is((await flow.close()).failed, 1)
})

test('ready batches count for the buffer, and those who submit wait for them', async () => {
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 4 })
  deliverBatch(flow, users, usersFrom(1, 5), () => ({ receiver: new Heard() }))
  assert.is(flow.trySubmit(users, user(9)), false)
  assert.is(flow.stats().unsettled, 5)
  assert.is(flow.stats().inFlight, 5)
  assert.is(flow.stats().room, 0)
  driver.runs[0]!.succeed()
  await settled()
  assert.is(flow.trySubmit(users, user(9)), true)
  const flushed = flow.flush()
  deliverBatch(flow, users, usersFrom(10, 1), () => ({ receiver: new Heard() }))
  driver.runs[1]!.succeed()
  await flushed
  driver.runs[2]!.succeed()
  await flow.close()
  assert.throws(() => deliverBatch(flow, users, usersFrom(1, 1), () => ({ receiver: new Heard() })), /is closed/)
})

test('a ready batch with a row that cannot be read is not accepted', async () => {
  const { flow } = rig({}, undefined, committing())
  const heard = new Heard()
  const rows = [user(1), { id: new Map() as never }]
  const message = 'a row of table "updated" cannot be read'
  await rejectsWith(InvalidRowError, 'ERR_BATCHFLOW_ROW', message, () =>
    deliverBatch(flow, updated, rows, () => ({ receiver: heard })),
  )
  assert.is((await flow.close()).committed, 0)
  assert.equal(heard.errors, [])
})

test('flush waits for ready batches, and close() gives them up when its time is over', async () => {
  const { flow, driver, clock } = rig({}, (executor) => executor.withConcurrencyLimit(1))
  const heard = new Heard()
  deliverBatch(flow, users, usersFrom(1, 1), () => ({ receiver: heard }))
  deliverBatch(flow, users, usersFrom(2, 1), () => ({ receiver: heard }))
  let flushed = false
  const flushing = flow.flush().then(() => (flushed = true))
  await settled()
  assert.is(flushed, false)
  driver.runs[0]!.succeed()
  await settled()
  assert.is(flushed, false)
  const closing = flow.close({ timeout: 10 })
  await clock.advance(10)
  driver.runs[1]!.fail(new Error('cancelled'))
  await clock.advance(10_000)
  const summary = await closing
  await flushing
  assert.is(summary.abandoned, 1)
  assert.is(heard.errors.length, 1)
})

test.run()
