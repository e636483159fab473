import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AbandonedError, AbortedError, ClosedError, RowFailedError } from '../../src/contract/errors.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import type { DeadLetter } from '../../src/flow/dead-letters.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith, thrownBy } from '../support/assertions.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('lifecycle')

/** The warnings of this process while `act` runs. */
async function warningsDuring(act: () => Promise<unknown>): Promise<Error[]> {
  const warnings: Error[] = []
  const listen = (warning: Error) => warnings.push(warning)
  process.on('warning', listen)
  await act()
  await settled()
  process.off('warning', listen)
  return warnings
}

test('close drains every lane and says what became of all rows', async () => {
  const { flow, driver, clock } = rig({ flushSize: 10, deadLetter: () => {} })
  await flow.submitMany(users, usersFrom(1, 4))
  await flow.submitMany(updated, usersFrom(1, 3))
  const close = flow.close()
  driver.runs[0]!.succeed([{ index: 2, error: new MemoryError('constraint') }])
  driver.runs[1]!.succeed()
  assert.equal(await close, { committed: 6, failed: 1, abandoned: 0, abandonedRows: [], undelivered: [] })
  assert.is(clock.running, 0)
  assert.is(flow.close(), flow.close(), 'closing again is the same closing')
})

test('close keeps to the concurrency limit', async () => {
  const { flow, driver } = rig({ flushSize: 10 }, (executor) => executor.withConcurrencyLimit(1))
  await flow.submit(users, user(1))
  await flow.submit(updated, user(1))
  const close = flow.close()
  assert.is(driver.runs.length, 1)
  driver.runs[0]!.succeed()
  await settled()
  assert.is(driver.runs.length, 2)
  driver.runs[1]!.succeed()
  await close
})

test('who waited for room before close is let in, in order', async () => {
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 2 })
  await flow.submitMany(users, usersFrom(1, 2))
  const waiting = usersFrom(3, 3).map((row) => flow.submit(users, row))
  const close = flow.close()
  for (let i = 0; i < 3; i++) {
    await settled()
    driver.runs[i]?.succeed()
  }
  await Promise.all(waiting)
  assert.is((await close).committed, 5)
  assert.equal(ids(driver.committed), [1, 2, 3, 4, 5])
})

test('close without rows is done at once', async () => {
  const { flow } = rig()
  assert.equal(await flow.close(), { committed: 0, failed: 0, abandoned: 0, abandonedRows: [], undelivered: [] })
})

test('rows that time ran out for are returned, and their writers told', async () => {
  const { flow, driver, clock } = rig({ flushSize: 2, bufferSize: 3 }, (executor) => executor.withConcurrencyLimit(1))
  const running = usersFrom(1, 2).map((row) => flow.write(users, row))
  const buffered = flow.write(users, user(3))
  const waiting = flow.submit(users, user(4))
  const errors = [...running, buffered].map((promise) => thrownBy(() => promise))
  const message = 'this BatchFlow was closed, and no room came free within 1000 ms; the row was not accepted'
  const refused = rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', message, () => waiting)
  driver.runs[0]!.signal.addEventListener('abort', () => driver.runs[0]!.fail(new Error('cancelled')))
  const close = flow.close({ timeout: 1000 })
  await clock.advance(1000)
  const summary = await close
  assert.equal(
    { ...summary, abandonedRows: ids(summary.abandonedRows.map(({ row }) => row)) },
    {
      committed: 0,
      failed: 0,
      abandoned: 3,
      abandonedRows: [1, 2, 3],
      undelivered: [],
    },
  )
  assert.is(summary.abandonedRows[0]!.table, 'users')
  for (const error of await Promise.all(errors)) assert.instance(error, AbandonedError)
  await refused
  assert.is(clock.running, 0)
})

test('a later call can bring the end nearer, and only that', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, (executor) => executor.withTimeout(0))
  await flow.submit(users, user(1))
  driver.runs[0]!.signal.addEventListener('abort', () => driver.runs[0]!.fail(new Error('cancelled')))
  const close = flow.close({ timeout: 60_000 })
  void flow.close({ timeout: 90_000 })
  void flow.close()
  await clock.advance(40_000)
  assert.is(flow.stats().state, 'closing')
  assert.is(flow.close({ timeout: 10 }), close)
  await clock.advance(10)
  assert.is((await close).abandoned, 1)
  assert.is(clock.running, 0)
})

test('rows given up go to the dead-letter handler, in order, and are then not returned', async () => {
  const letters: DeadLetter[] = []
  const reporter = new RecordingReporter()
  const deadLetter = async (dead: readonly DeadLetter[]) => void letters.push(...dead)
  const { flow, driver, clock } = rig({ flushSize: 2, deadLetter }, (executor) =>
    executor.withConcurrencyLimit(1).withMetricsReporter(reporter),
  )
  const running = usersFrom(1, 2).map((row) => thrownBy(() => flow.write(users, row)))
  await flow.submitMany(users, usersFrom(3, 3))
  driver.runs[0]!.signal.addEventListener('abort', () => driver.runs[0]!.fail(new Error('cancelled')))
  const close = flow.close({ timeout: 1000 })
  await clock.advance(1000)
  const summary = await close
  assert.equal(summary, { committed: 0, failed: 5, abandoned: 0, abandonedRows: [], undelivered: [] })
  assert.equal(ids(letters.map(({ row }) => row)), [1, 2, 3, 4, 5])
  assert.equal(
    letters.map(({ ambiguous, error }) => [ambiguous, error.reason, error.cause instanceof AbandonedError]),
    [true, true, false, false, false].map((ambiguous) => [ambiguous, 'context', true]),
  )
  for (const error of await Promise.all(running)) assert.instance(error, RowFailedError)
  const { deadLettered, abandoned, accepted } = flow.stats()
  assert.equal([accepted, deadLettered, abandoned], [5, 5, 0])
  assert.equal(
    reporter.of('countDeadLetters').map(([reason]) => reason),
    ['context', 'context', 'context'],
  )
  assert.is(clock.running, 0)
})

test('those that the handler fails to take, or has no time for, are returned as abandoned', async () => {
  for (const [deadLetter, waits] of [
    [() => assert.unreachable('the disk is full'), 0],
    [() => new Promise<void>(() => {}), 10_000],
  ] as const) {
    let handed = 0
    const counting = () => {
      handed++
      return deadLetter()
    }
    const { flow, driver, clock } = rig({ flushSize: 1, deadLetter: counting }, (e) => e.withConcurrencyLimit(1))
    await flow.submitMany(users, usersFrom(1, 3))
    driver.runs[0]!.signal.addEventListener('abort', () => driver.runs[0]!.fail(new Error('cancelled')))
    const close = flow.close({ timeout: 100 })
    const warnings = await warningsDuring(() => clock.advance(100 + waits))
    const { abandoned, failed, abandonedRows, undelivered } = await close
    assert.equal([abandoned, failed, ids(abandonedRows.map(({ row }) => row)), undelivered], [3, 0, [1, 2, 3], []])
    assert.is(handed, waits > 0 ? 1 : 3, 'no row is handed over when time is over')
    assert.match(warnings[0]!.message, /1 row of table users; close\(\) returns them as abandonedRows$/)
    assert.is(clock.running, 0)
  }
})

test('what commits in spite of the deadline is committed', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 })
  await flow.submit(users, user(1))
  const close = flow.close({ timeout: 10 })
  await clock.advance(10)
  driver.runs[0]!.succeed()
  assert.equal(await close, { committed: 1, failed: 0, abandoned: 0, abandonedRows: [], undelivered: [] })
})

test('a key held back behind a batch that never ended is abandoned with it', async () => {
  const { flow, clock } = rig({ flushSize: 1 })
  await flow.submit(updated, user(1))
  await flow.submit(updated, user(1))
  await flow.submit(updated, user(1))
  const close = flow.close({ timeout: 10 })
  await clock.advance(10 + 5000)
  const { abandoned, abandonedRows } = await close
  assert.is(abandoned, 3)
  assert.is(abandonedRows.length, 2, 'the two that waited had merged')
})

test('aborting the flow cancels what runs and fails what is buffered', async () => {
  const controller = new AbortController()
  const letters: DeadLetter[] = []
  const reporter = new RecordingReporter()
  const { flow, driver } = rig(
    { flushSize: 1, bufferSize: 2, signal: controller.signal, deadLetter: (dead) => void letters.push(...dead) },
    (executor) => executor.withConcurrencyLimit(1).withMetricsReporter(reporter),
  )
  const writes = usersFrom(1, 2).map((row) => thrownBy(() => flow.write(users, row)))
  const waiting = thrownBy(() => flow.submit(users, user(3)))
  driver.runs[0]!.signal.addEventListener('abort', () => driver.runs[0]!.fail(new Error('cancelled')))
  controller.abort('shutting down')
  const errors = (await Promise.all(writes)) as RowFailedError[]
  assert.equal(
    errors.map(({ reason }) => reason),
    ['context', 'context'],
  )
  assert.instance(await waiting, AbortedError)
  assert.equal(ids(letters.map(({ row }) => row)), [1, 2])
  const { committed, failed } = await flow.close()
  assert.equal({ committed, failed }, { committed: 0, failed: 2 })
  assert.equal(reporter.of('countError'), [
    ['final', 'context'],
    ['final', 'context'],
  ])
  assert.is(driver.runs.length, 1)
})

test('a flow can be aborted before it begins', async () => {
  const { flow } = rig({ signal: AbortSignal.abort() })
  assert.is((await flow.close()).committed, 0)
})

test('aborting ends the pause before a retry', async () => {
  const controller = new AbortController()
  const { flow, driver, clock } = rig({ flushSize: 1, signal: controller.signal }, (executor) =>
    executor.withRetry({ maxAttempts: 5, backoffBase: 60_000, maxBackoff: 60_000 }),
  )
  const write = thrownBy(() => flow.write(users, user(1)))
  driver.runs[0]!.fail(new MemoryError('connection'))
  await settled()
  controller.abort()
  assert.is(((await write) as RowFailedError).reason, 'context')
  await flow.close()
  assert.is(clock.running, 0)
})

test('failed rows go to the dead-letter handler with their errors, before they are settled', async () => {
  const letters: DeadLetter[] = []
  let taken: (() => void) | undefined
  const deadLetter = (dead: readonly DeadLetter[]) => {
    letters.push(...dead)
    return new Promise<void>((resolve) => (taken = resolve))
  }
  const reporter = new RecordingReporter()
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 2, deadLetter }, (executor) =>
    executor.withMetricsReporter(reporter),
  )
  await flow.submitMany(users, usersFrom(1, 2))
  const cause = new MemoryError('invalid_data')
  driver.runs[0]!.succeed([{ index: 1, error: cause }])
  await settled()
  assert.is(letters[0]!.table, 'users')
  assert.is(letters[0]!.row, driver.runs[0]!.rows[1])
  assert.is(letters[0]!.error.cause, cause)
  assert.not.ok(flow.trySubmit(users, user(3)), 'its row keeps its place')
  assert.equal(reporter.of('countDeadLetters'), [])
  taken!()
  await settled()
  assert.equal(reporter.of('countDeadLetters'), [['invalid_data', 1]])
  assert.ok(flow.trySubmit(users, user(3)))
})

test('a handler that throws loses no row and is told of once', async () => {
  const reporter = new RecordingReporter()
  const deadLetter = () => {
    throw new Error('disk full')
  }
  const { flow, driver } = rig({ flushSize: 1, deadLetter }, (executor) => executor.withMetricsReporter(reporter))
  const warnings = await warningsDuring(async () => {
    for (const id of [1, 2]) {
      const write = thrownBy(() => flow.write(users, user(id)))
      driver.runs.at(-1)!.fail(new MemoryError('constraint'))
      await write
    }
  })
  assert.is(warnings.length, 1)
  assert.is(
    warnings[0]!.message,
    'the deadLetter handler failed for 1 row of table users; close() returns them as undelivered',
  )
  assert.equal(reporter.of('countDeadLetters'), [])
  assert.is((await flow.close()).failed, 2)
})

test('a handler may return anything: what is no promise is not waited for', async () => {
  const letters: DeadLetter[] = []
  const reporter = new RecordingReporter()
  const deadLetter = (dead: readonly DeadLetter[]) => letters.push(...dead) as unknown as undefined
  const { flow, driver } = rig({ flushSize: 1, deadLetter }, (executor) => executor.withMetricsReporter(reporter))
  await flow.submit(users, user(1))
  driver.runs[0]!.fail(new MemoryError('constraint'))
  assert.is((await flow.close()).failed, 1)
  assert.is(letters.length, 1)
  assert.equal(reporter.of('countDeadLetters'), [['constraint', 1]])
})

test('a handler that never ends cannot hold up close beyond its time', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1, deadLetter: () => new Promise(() => {}) })
  await flow.submit(users, user(1))
  driver.runs[0]!.fail(new MemoryError('constraint'))
  const close = flow.close({ timeout: 100 })
  await clock.advance(100 + 10_000)
  assert.is((await close).failed, 1)
})

test('rows that a handler fails to take are returned by close(), up to bufferSize, and a warning has its error', async () => {
  const broken = new Error('the queue for dead letters is down')
  const deadLetter = async () => Promise.reject(broken)
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 2, deadLetter })
  const warnings = await warningsDuring(async () => {
    for (const first of [1, 3]) {
      await flow.submitMany(users, usersFrom(first, 2))
      driver.runs.at(-1)!.fail(new MemoryError('permission'))
      await settled()
    }
  })
  assert.is(warnings[0]?.cause, broken)
  const { failed, undelivered } = await flow.close()
  assert.is(failed, 4)
  assert.equal(
    undelivered.map(({ table, row, ambiguous, error }) => [table, row, ambiguous, error.reason]),
    usersFrom(1, 2).map((row) => ['users', row, false, 'permission']),
  )
})

test('nor can it after the flow was aborted', async () => {
  const controller = new AbortController()
  const deadLetter = () => new Promise<void>(() => {})
  const { flow, driver, clock } = rig({ flushSize: 1, deadLetter, signal: controller.signal })
  await flow.submit(users, user(1))
  driver.runs[0]!.signal.addEventListener('abort', () => driver.runs[0]!.fail(new Error('cancelled')))
  controller.abort()
  const close = flow.close({ timeout: 100 })
  await clock.advance(100 + 10_000)
  assert.is((await close).failed, 1)
})

test('rows that fail while nobody listens raise a warning, once', async () => {
  const { flow, driver } = rig({ flushSize: 2 })
  const warnings = await warningsDuring(async () => {
    await flow.submitMany(users, usersFrom(1, 2))
    driver.runs[0]!.fail(new MemoryError('permission'))
    await settled()
    await flow.submitMany(users, usersFrom(1, 2))
    driver.runs[1]!.fail(new MemoryError('permission'))
  })
  assert.is(warnings.length, 1)
  assert.is(
    warnings[0]!.message,
    '2 rows of table users failed (permission) and nobody was told: give BatchFlow a deadLetter handler, or use write()',
  )
  await flow.close()
})

test('a writer that listens is enough', async () => {
  const { flow, driver } = rig({ flushSize: 1 })
  const warnings = await warningsDuring(async () => {
    const write = thrownBy(() => flow.write(users, user(1)))
    driver.runs[0]!.fail(new MemoryError('permission'))
    await write
  })
  assert.equal(warnings, [])
})

test('flows share the limit of their executor, in turn', async () => {
  const driver = new MemoryDriver()
  const executor = createExecutor(driver).withConcurrencyLimit(1)
  const one = new BatchFlow(executor, { flushSize: 1 })
  const two = new BatchFlow(executor, { flushSize: 1 })
  for (const id of [1, 2]) await one.submit(users, user(id))
  for (const id of [3, 4]) await two.submit(users, user(id))
  await one.submit(users, user(5))
  for (let i = 0; i < 5; i++) {
    assert.is(driver.runs.length, i + 1)
    driver.runs[i]!.succeed()
    await settled()
  }
  assert.equal(ids(driver.committed), [1, 2, 3, 5, 4])
  await Promise.all([one.close(), two.close()])
})

test('refuses a timeout that is none', async () => {
  const { flow } = rig()
  const message = 'close: timeout must be a number from 0 to Infinity, received "1s"'
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => flow.close({ timeout: '1s' as never }))
  const unknown = 'close: unknown option "timeoutMs"; there are timeout'
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', unknown, () => flow.close({ timeoutMs: 1 } as never))
})

test.run()
