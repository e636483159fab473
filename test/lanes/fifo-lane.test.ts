import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { settled } from '../support/engine/clock.ts'
import { type Rig, rig } from '../support/engine/flow.ts'
import { MemoryDriver } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('fifo lane')

/** Rows at an even rate; rows offered while the buffer is full are offered no more. */
async function offer({ flow, clock }: Rig, rowsPerMillisecond: number, milliseconds: number): Promise<void> {
  let due = 0
  let id = 0
  for (let now = 0; now < milliseconds; now++) {
    for (due += rowsPerMillisecond; due >= 1; due--) flow.trySubmit(users, user(id++))
    await clock.advance(1)
  }
}

function sizes({ driver }: Rig): number[] {
  return driver.runs.map(({ rows }) => rows.length)
}

test('under load batches grow to what the slots need to keep up', async () => {
  const driver = new MemoryDriver((run) => used.clock.timer(() => run.succeed()).start(50))
  const used: Rig = rig({ flushInterval: 5 }, (executor) => executor.withConcurrencyLimit(4), driver)
  await offer(used, 2, 3000)
  const rowsPerSecond = driver.committed.length / 3
  const mean = driver.committed.length / driver.runs.length
  assert.ok(rowsPerSecond > 1900, `${rowsPerSecond} rows/s of 2,000 offered`)
  assert.ok(mean > 20, `${mean} rows a batch`)
  const isInOrder = driver.committed.every((row, index) => (row as { id: number }).id === index)
  assert.ok(isInOrder)
})

test('what gathered behind a locked table leaves in few batches', async () => {
  const used = rig({ flushInterval: 20 }, (executor) => executor.withConcurrencyLimit(4))
  await offer(used, 0.1875, 8000)
  assert.is(used.driver.runs.length, 4, 'every slot waits for the lock')
  for (let i = 0; i < used.driver.runs.length; i++) {
    used.driver.runs[i]!.succeed()
    await settled()
  }
  assert.is(used.driver.committed.length, 1500)
  const before = sizes(used).slice(0, 4)
  assert.ok(Math.max(...before) <= 4)
  assert.equal(sizes(used).slice(4), [500, 500, 500 - before.reduce((sum, size) => sum + size)])
})

test('a batch that is due keeps filling until a slot takes it, and leaves full as one of its size', async () => {
  const reporter = new RecordingReporter()
  const used = rig({ flushSize: 3, flushInterval: 10 }, (executor) =>
    executor.withConcurrencyLimit(1).withMetricsReporter(reporter),
  )
  const { flow, driver, clock } = used
  await flow.submit(users, user(1))
  await clock.advance(10)
  await flow.submit(users, user(2))
  await clock.advance(10)
  await flow.submitMany(users, usersFrom(3, 3))
  await clock.advance(10)
  await flow.submit(users, user(6))
  for (let i = 0; i < 3; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  assert.equal(
    driver.runs.map(({ rows }) => ids(rows)),
    [[1], [2, 3, 4], [5, 6]],
  )
  assert.equal(reporter.of('countFlush'), [['interval'], ['size'], ['interval']])
})

test('flush takes along what comes until a slot is free, and waits for what it was asked for', async () => {
  const { flow, driver } = rig({ flushSize: 3 }, (executor) => executor.withConcurrencyLimit(1))
  await flow.submitMany(users, usersFrom(1, 4))
  let flushed = false
  const flush = flow.flush().then(() => (flushed = true))
  await flow.submitMany(users, usersFrom(5, 3))
  driver.runs[0]!.succeed()
  await settled()
  assert.equal(ids(driver.runs[1]!.rows), [4, 5, 6])
  assert.not.ok(flushed)
  driver.runs[1]!.succeed()
  await flush
  assert.is(driver.runs.length, 2, 'the row after it is not due')
})

test('close sends what is due and what comes in after it', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 4 }, (executor) =>
    executor.withConcurrencyLimit(1).withMetricsReporter(reporter),
  )
  await flow.submitMany(users, usersFrom(1, 4))
  const waiting = flow.submit(users, user(5))
  const close = flow.close()
  for (let i = 0; i < 3; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  await waiting
  assert.is((await close).committed, 5)
  assert.equal(reporter.of('countFlush'), [['size'], ['size'], ['close']])
})

test('a row is dequeued when its batch really leaves', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver, clock } = rig({ flushSize: 2, flushInterval: 10, latencySampling: 1 }, (executor) =>
    executor.withConcurrencyLimit(1).withMetricsReporter(reporter),
  )
  await flow.submitMany(users, usersFrom(1, 5))
  assert.is(Array.from(reporter.probes[0]!.queueLengths())[0]![1], 3)
  await clock.advance(1000)
  driver.runs[0]!.succeed()
  await settled()
  await clock.advance(1000)
  driver.runs[1]!.succeed()
  await settled()
  driver.runs[2]!.succeed()
  await settled()
  assert.equal(reporter.of('observeDequeueLatency'), [[0], [0], [1], [1], [2]])
  assert.equal(
    reporter.of('observeProcessDuration').map(([seconds]) => seconds),
    [1, 1, 0],
  )
})

test.run()
