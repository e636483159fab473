import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import type { RowFailedError } from '../../src/contract/errors.ts'
import { createExecutor, type Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { thrownBy } from '../support/assertions.ts'
import { ManualClock, settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryDriver, MemoryError, type Run } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, type User, updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('outage')

/** No connection is to be had. */
function unreachable(): AttemptError {
  return new AttemptError(new MemoryError('connection'), { unreachable: true })
}

const patient = (executor: Executor) =>
  executor.withRetry({ maxAttempts: 2, backoffBase: 100, maxBackoff: 1000, jitter: 0, maxOutage: 60_000 })

/** Warnings of this process while `work` runs. */
async function warningsOf(work: () => Promise<void>): Promise<string[]> {
  const heard: string[] = []
  const listen = (warning: Error) => heard.push(warning.message)
  process.on('warning', listen)
  await work()
  await settled()
  process.off('warning', listen)
  return heard
}

test('rows wait for a database that cannot be reached, however often that is tried', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, patient)
  const write = flow.write(users, user(1))
  for (let attempt = 0; attempt < 20; attempt++) {
    driver.runs[attempt]!.fail(unreachable())
    await clock.advance(1000)
    assert.is(driver.runs.length, attempt + 2, 'it is looked at once a second at the least')
  }
  driver.runs[20]!.succeed()
  assert.is((await write).attempts, 21)
  await flow.close()
  assert.is(clock.running, 0, 'no timer is left')
})

test('one batch at a time is tried; when it is committed all others go on', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, (executor) => patient(executor).withConcurrencyLimit(3))
  const writes = usersFrom(1, 6).map((row) => flow.write(users, row))
  assert.is(driver.runs.length, 3)
  for (const run of [...driver.runs]) run.fail(unreachable())
  await clock.advance(100)
  assert.equal(ids(driver.runs.slice(3).flatMap(({ rows }) => rows)), [1], 'the one that has waited longest')
  await clock.advance(5000)
  assert.is(driver.runs.length, 4, 'nothing else is tried meanwhile')
  driver.runs[3]!.fail(unreachable())
  await clock.advance(1000)
  assert.equal(ids(driver.runs.slice(4).flatMap(({ rows }) => rows)), [2])
  driver.runs[4]!.succeed()
  await settled()
  assert.is(driver.runs.length, 8, 'the two others, and one more in the free slot')
  for (const run of driver.runs.slice(5)) run.succeed()
  await settled()
  for (const run of driver.runs.slice(8)) run.succeed()
  await Promise.all(writes)
  await flow.close()
})

test('a database that can be asked for a sign of life is not sent batches before it has given one', async () => {
  const driver = new MemoryDriver()
  let isAlive = false
  let asked = 0
  driver.ping = async () => {
    asked++
    if (!isAlive) throw new MemoryError('connection')
  }
  const { flow, clock } = rig({ flushSize: 1 }, patient, driver)
  const write = flow.write(users, user(1))
  driver.runs[0]!.fail(unreachable())
  await clock.advance(10_000)
  assert.is(driver.runs.length, 1)
  assert.ok(asked >= 10, `asked ${asked} times`)
  isAlive = true
  await clock.advance(1000)
  driver.runs[1]!.succeed()
  assert.is((await write).attempts, 2)
  await flow.close()
})

test('a database that says nothing at all is asked again each second, and given up on five seconds later', async () => {
  const driver = new MemoryDriver()
  const signals: AbortSignal[] = []
  let answer = () => {}
  driver.ping = ({ signal }) =>
    new Promise((resolve) => {
      signals.push(signal)
      answer = resolve
    })
  const { flow, clock } = rig({ flushSize: 1 }, patient, driver)
  const write = flow.write(users, user(1))
  driver.runs[0]!.fail(unreachable())
  await clock.advance(30_000)
  assert.ok(signals.length > 20)
  assert.is(signals.filter(({ aborted }) => !aborted).length, 5, 'no more than five questions are open')
  answer()
  await settled()
  driver.runs[1]!.succeed()
  await write
  assert.ok(
    signals.every(({ aborted }, index) => aborted || index === signals.length - 1),
    'nobody waits for the others',
  )
  await flow.close()
  assert.is(clock.running, 0)
})

test('when it has lasted too long rows are given up, and of those behind them one batch at a time', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1, bufferSize: 4, deadLetter: () => {} }, (executor) =>
    patient(executor).withConcurrencyLimit(2),
  )
  const errors = usersFrom(1, 4).map((row) => flow.write(users, row).catch((error: RowFailedError) => error))
  let answered = 0
  for (let second = 0; second <= 60; second++) {
    for (const run of driver.runs.slice(answered)) run.fail(unreachable())
    answered = driver.runs.length
    await clock.advance(1000)
  }
  const first = (await errors[0]) as RowFailedError
  assert.is(first.reason, 'connection')
  assert.is(first.fault, 'place')
  assert.is(first.ambiguous, false)
  assert.is(((await errors[1]) as RowFailedError).reason, 'connection')
  for (let second = 0; second < 4; second++) {
    for (const run of driver.runs.slice(answered)) run.fail(unreachable())
    answered = driver.runs.length
    await clock.advance(1000)
  }
  assert.is(((await errors[3]) as RowFailedError).reason, 'connection')
  const late = flow.write(users, user(5))
  await clock.advance(1000)
  driver.runs.at(-1)!.succeed()
  await late
  await flow.close()
})

test('with maxOutage 0 an outage uses up attempts', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, (executor) =>
    executor.withRetry({ maxAttempts: 2, backoffBase: 10, jitter: 0, maxOutage: 0 }),
  )
  const write = flow.write(users, user(1)).catch((error: RowFailedError) => error)
  driver.runs[0]!.fail(unreachable())
  await clock.advance(10)
  driver.runs[1]!.fail(unreachable())
  assert.is(((await write) as RowFailedError).attempts, 2)
  await flow.close()
})

test('a full disk and a read-only server are waited out as well, a wrong password too', async () => {
  const causes = [
    new MemoryError('out_of_space'),
    new MemoryError('read_only'),
    new AttemptError(new MemoryError('permission'), { unreachable: true }),
  ]
  for (const cause of causes) {
    const { flow, driver, clock } = rig({ flushSize: 1 }, patient)
    const write = flow.write(users, user(1))
    for (let attempt = 0; attempt < 5; attempt++) {
      driver.runs[attempt]!.fail(cause)
      await clock.advance(1000)
    }
    driver.runs[5]!.succeed()
    assert.is((await write).attempts, 6)
    await flow.close()
  }
})

test('a right that is missing once connected, and a pool that was ended, are no outage', async () => {
  for (const cause of [
    new MemoryError('permission'),
    new AttemptError(new MemoryError('non_retryable'), { unreachable: true }),
  ]) {
    const { flow, driver } = rig({ flushSize: 1 }, patient)
    const write = flow.write(users, user(1)).catch((error: RowFailedError) => error)
    driver.runs[0]!.fail(cause)
    assert.is(((await write) as RowFailedError).attempts, 1)
    await flow.close()
  }
})

test('connections that are lost as it begins are not held against the rows', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, patient)
  const write = flow.write(users, user(1))
  for (let crash = 0; crash < 5; crash++) {
    driver.runs.at(-1)!.fail(new AttemptError(new MemoryError('connection'), { ambiguous: true }))
    await clock.advance(1000)
    driver.runs.at(-1)!.fail(unreachable())
    await clock.advance(1000)
  }
  driver.runs.at(-1)!.succeed()
  assert.is((await write).attempts, 11)
  await flow.close()
})

test('nor are attempts whose fence found the database away', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, patient)
  const write = flow.write(updated, user(1))
  for (let crash = 0; crash < 4; crash++) {
    let tries = 0
    const fence = async () => {
      if (tries++ === 0) throw unreachable()
    }
    driver.runs.at(-1)!.fail(new AttemptError(new MemoryError('connection'), { ambiguous: true, fence }))
    await clock.advance(3000)
    assert.is(tries, 2, 'it is set once the database is back')
  }
  driver.runs.at(-1)!.succeed()
  assert.is((await write).attempts, 5)
  await flow.close()
})

test('a plan that is outdated each time and a disk that is full in turn come to an end', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1, deadLetter: () => {} }, (executor) =>
    executor.withRetry({ maxAttempts: 2, backoffBase: 10, jitter: 0, maxOutage: 1000 }),
  )
  const write = flow.write(users, user(1)).catch((error: RowFailedError) => error.reason)
  let answered = 0
  for (let time = 0; time < 5000; time += 10) {
    for (const run of driver.runs.slice(answered)) {
      if (answered++ % 2 === 0) run.fail(new AttemptError(new MemoryError('deadlock'), { stale: true }))
      else run.succeed([{ index: 0, error: new MemoryError('out_of_space') }])
    }
    await clock.advance(10)
  }
  assert.is(await write, 'deadlock')
  await flow.close()
})

test('rows of single rows that were refused for it wait, the others are committed', async () => {
  const { flow, driver, clock } = rig({ flushSize: 3 }, patient)
  const writes = usersFrom(1, 3).map((row) => flow.write(users, row))
  driver.runs[0]!.succeed([{ index: 1, error: new MemoryError('out_of_space') }])
  for (let attempt = 1; attempt < 4; attempt++) {
    await clock.advance(1000)
    assert.equal(ids(driver.runs[attempt]!.rows), [2])
    driver.runs[attempt]!.succeed([{ index: 0, error: new MemoryError('out_of_space') }])
  }
  await clock.advance(1000)
  driver.runs[4]!.succeed()
  await Promise.all(writes)
  await flow.close()
})

test('the last submitted of a key wins, before, in and after an outage', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, patient)
  const first = flow.write(updated, { ...user(1), name: 'old' })
  driver.runs[0]!.fail(unreachable())
  const second = flow.write(updated, { ...user(1), name: 'new' })
  await clock.advance(100)
  assert.is((driver.runs[1]!.rows[0] as User).name, 'old')
  driver.runs[1]!.succeed()
  await first
  driver.runs[2]!.succeed()
  await second
  assert.is((driver.committed.at(-1) as User).name, 'new')
  await flow.close()
})

test('close() returns the rows that wait; the next flow finds out anew', async () => {
  const driver = new MemoryDriver()
  const executor = patient(createExecutor(driver)).withConcurrencyLimit(1)
  const clock = new ManualClock()
  const flow = new BatchFlow(executor, { flushSize: 1, clock })
  for (const row of usersFrom(1, 3)) await flow.submit(users, row)
  driver.runs[0]!.fail(unreachable())
  await clock.advance(500)
  driver.runs[1]!.fail(unreachable())
  const closing = flow.close({ timeout: 1000 })
  for (let time = 0; time < 1000; time += 100) {
    for (const run of driver.runs.slice(2)) run.fail(unreachable())
    await clock.advance(100)
  }
  const { abandoned, abandonedRows } = await closing
  assert.is(abandoned, 3)
  assert.equal(
    abandonedRows.map(({ ambiguous }) => ambiguous),
    [false, false, false],
  )
  assert.is(clock.running, 0, 'no timer is left')
  const before = driver.runs.length
  const next = new BatchFlow(executor, { flushSize: 1, clock })
  const write = next.write(users, user(4))
  await clock.advance(1000)
  driver.runs[before]!.succeed()
  await write
  await next.close()
})

test('at a start one warning says what cannot be reached; later there is none', async () => {
  const fail = async (known: boolean) => {
    const { flow, driver, clock } = rig({ flushSize: 1 }, patient)
    if (known) {
      const write = flow.write(users, user(1))
      driver.runs[0]!.succeed()
      await write
    }
    const write = flow.write(users, user(2))
    driver.runs.at(-1)!.fail(unreachable())
    await clock.advance(100)
    driver.runs.at(-1)!.fail(unreachable())
    await clock.advance(1000)
    driver.runs.at(-1)!.succeed()
    await write
    await flow.close()
  }
  assert.equal(await warningsOf(() => fail(false)), [
    'memory takes no batch (connection): the memory database says connection; rows wait for up to 60 s (withRetry: maxOutage)',
  ])
  assert.equal(await warningsOf(() => fail(true)), [])
})

test('who watches hears of its begin and end, once; it is counted, and an attempt at it as retried', async () => {
  const heard: unknown[] = []
  const reporter = new RecordingReporter()
  const driver = new MemoryDriver()
  const clock = new ManualClock()
  const executor = patient(createExecutor(driver)).withMetricsReporter(reporter)
  executor.gate.watch({
    began: ({ reason, message }) => heard.push(['began', reason, message]),
    ended: ({ reason, duration, looks }) => heard.push(['ended', reason, duration, looks]),
  })
  executor.gate.watch({
    began: () => {
      throw new Error('a watcher of no use')
    },
    ended: () => {},
  })
  const flow = new BatchFlow(executor, { flushSize: 1, clock })
  const write = flow.write(users, user(1))
  driver.runs[0]!.fail(unreachable())
  await settled()
  assert.is(executor.slots.outage?.reason, 'connection')
  await clock.advance(100)
  driver.runs[1]!.fail(unreachable())
  await clock.advance(200)
  driver.runs[2]!.succeed()
  await write
  assert.is(executor.slots.outage, undefined)
  assert.equal([...executor.slots.outages], [['connection', 1]])
  assert.equal(heard, [
    ['began', 'connection', 'the memory database says connection'],
    ['ended', 'connection', 300, 2],
  ])
  assert.equal(reporter.of('countError'), [
    ['retry', 'connection'],
    ['retry', 'connection'],
  ])
  await flow.close()
})

test('a single table that is full, or a place that lets some batches in, does not keep the others out', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, (executor) => patient(executor).withConcurrencyLimit(2))
  const refused = flow.write(users, user(1)).catch((error: RowFailedError) => error)
  let next = 2
  const answer = (run: Run) => (ids(run.rows)[0] === 1 ? run.fail(unreachable()) : run.succeed())
  let answered = 0
  for (let time = 0; time < 70_000; time += 100) {
    await flow.submit(users, user(next++))
    for (const run of driver.runs.slice(answered)) answer(run)
    answered = driver.runs.length
    await clock.advance(100)
  }
  assert.ok(driver.committed.length > 680, `${driver.committed.length} of the others were committed`)
  const tries = driver.runs.filter(({ rows }) => ids(rows)[0] === 1).length
  assert.ok(tries > 50 && tries < 80, `${tries} tries with the one`)
  assert.is(((await refused) as RowFailedError).reason, 'connection')
  const closing = flow.close()
  for (const run of driver.runs.slice(answered)) answer(run)
  await closing
  assert.is(clock.running, 0)
})

test('a batch whose trial ends in nonsense does not wait for itself with the rest of its rows', async () => {
  const { flow, driver, clock } = rig({ flushSize: 2 }, patient)
  const run = driver.run.bind(driver)
  const partial = thrownBy(() => flow.write(updated, { id: 1, name: 'a shape of its own' }))
  const whole = flow.write(updated, user(2))
  driver.runs[0]!.fail(unreachable())
  driver.run = async () => [null as never]
  await clock.advance(100)
  driver.run = run
  await clock.advance(1000)
  driver.runs[1]!.succeed()
  await whole
  assert.instance(await partial, Error)
  await flow.close()
})

test('a storm of deadlocks slows down instead of feeding itself', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1, bufferSize: 100 }, (executor) =>
    executor.withRetry({ maxAttempts: Number.POSITIVE_INFINITY, backoffBase: 10, maxBackoff: 1000, jitter: 0 }),
  )
  for (const row of usersFrom(1, 30)) await flow.submit(users, row)
  for (const run of [...driver.runs]) run.fail(new MemoryError('deadlock'))
  await clock.advance(10)
  assert.is(driver.runs.length, 50, 'the budget of twenty')
  await clock.advance(990)
  assert.is(driver.runs.length, 60, 'the others after the longest pause')
  for (const run of driver.runs) run.succeed()
  await flow.close()
})

test('rows of a batch that deadlocks whatever is tried are tried in halves; only the one to blame fails', async () => {
  const { flow, driver, clock } = rig({ flushSize: 8 }, patient)
  const fates = usersFrom(1, 8).map((row) =>
    flow.write(users, row).then(
      () => 'committed',
      (e: RowFailedError) => e.reason,
    ),
  )
  let answered = 0
  for (let time = 0; time < 200 && answered < 100; time++) {
    for (const run of driver.runs.slice(answered)) {
      if (ids(run.rows).includes(3)) run.fail(new MemoryError('deadlock'))
      else run.succeed()
    }
    answered = driver.runs.length
    await clock.advance(100)
  }
  assert.equal(
    await Promise.all(fates),
    [1, 2, 3, 4, 5, 6, 7, 8].map((id) => (id === 3 ? 'deadlock' : 'committed')),
  )
  await flow.close()
})

test('a table that is full for ever takes no row of another table along, though its batches have every slot', async () => {
  const driver = new MemoryDriver((run) =>
    run.batch.table.name === 'users' ? run.fail(new MemoryError('out_of_space')) : run.succeed(),
  )
  driver.ping = async () => {}
  const { flow, clock } = rig(
    { flushSize: 1, deadLetter: () => {} },
    (executor) => patient(executor).withConcurrencyLimit(2),
    driver,
  )
  const full = usersFrom(1, 4).map((row) => thrownBy(() => flow.write(users, row)))
  const fates = usersFrom(1, 4).map((row) =>
    flow.write(updated, row).then(
      () => 'committed',
      (error: RowFailedError) => error.reason,
    ),
  )
  for (let second = 0; second < 300; second++) await clock.advance(1000)
  assert.equal(await Promise.all(fates), ['committed', 'committed', 'committed', 'committed'])
  for (const error of full) assert.is(((await error) as RowFailedError).reason, 'out_of_space')
  await flow.close()
  assert.is(clock.running, 0)
})

test('a client that was ended during an outage is not waited for', async () => {
  const driver = new MemoryDriver()
  driver.ping = async () => {
    throw new MemoryError('non_retryable')
  }
  const { flow, clock } = rig({ flushSize: 1 }, patient, driver)
  const error = thrownBy(() => flow.write(users, user(1)))
  driver.runs[0]!.fail(unreachable())
  await clock.advance(100)
  driver.runs[1]!.fail(new AttemptError(new MemoryError('non_retryable'), { unreachable: true }))
  assert.is(((await error) as RowFailedError).reason, 'non_retryable')
  assert.is(flow.stats().outage, undefined)
  await flow.close()
})

for (const reason of ['deadlock', 'out_of_space']) {
  test(`without any pause between attempts, ${reason} leaves the process time for all else`, async () => {
    let isOver = false
    setImmediate(() => (isOver = true))
    let left = 10_000 // or this test would never end
    const driver = new MemoryDriver((run) =>
      isOver || left-- === 0 ? run.succeed() : run.fail(new MemoryError(reason)),
    )
    const executor = createExecutor(driver).withRetry({ maxAttempts: Number.POSITIVE_INFINITY, backoffBase: 0 })
    const flow = new BatchFlow(executor, { flushSize: 1 })
    await flow.write(users, user(1))
    assert.ok(left > 0, 'others had their turn')
    await flow.close()
  })
}

test('a gate that is never closed costs an executor without retries nothing', async () => {
  const { flow, driver } = rig({ flushSize: 1 }, (executor) => executor.withRetry(false))
  const error = thrownBy(() => flow.write(users, user(1)))
  driver.runs[0]!.fail(unreachable())
  assert.is(((await error) as RowFailedError).attempts, 1)
  await flow.close()
})

test.run()
