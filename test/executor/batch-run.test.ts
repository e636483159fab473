import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError, type BatchInput, type Driver } from '../../src/contract/driver.ts'
import { AttemptTimeoutError, type RowFailedError } from '../../src/contract/errors.ts'
import { createExecutor, type Executor } from '../../src/executor/executor.ts'
import { backoff, type RetryOptions, retryPolicy } from '../../src/executor/retry.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith, thrownBy } from '../support/assertions.ts'
import { ManualClock, settled } from '../support/engine/clock.ts'
import { type Rig, rig } from '../support/engine/flow.ts'
import { MemoryDriver, MemoryError, type Run } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('batch run')

const retry =
  (options: Partial<RetryOptions> = {}) =>
  (executor: Executor) =>
    executor.withRetry({ maxAttempts: 3, backoffBase: 20, jitter: 0, ...options })

test('with withRetry(false) there is one attempt', async () => {
  const { flow, driver } = rig({ flushSize: 1 }, (executor) => executor.withRetry(false))
  const write = flow.write(users, user(1))
  driver.runs[0]!.fail(new MemoryError('connection'))
  const error = (await thrownBy(() => write)) as RowFailedError
  assert.is(error.reason, 'connection')
  assert.is(error.attempts, 1)
  assert.is(driver.runs.length, 1)
})

test('a passing fault is retried after a growing pause, with the same operation', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, retry())
  const write = flow.write(users, user(1))
  driver.runs[0]!.fail(new MemoryError('deadlock'))
  await clock.advance(19)
  assert.is(driver.runs.length, 1)
  await clock.advance(1)
  driver.runs[1]!.fail(new MemoryError('deadlock'))
  await clock.advance(39)
  assert.is(driver.runs.length, 2)
  await clock.advance(1)
  driver.runs[2]!.succeed()
  assert.is((await write).attempts, 3)
  assert.is(driver.planned, 1)
  assert.is(driver.released, 1)
})

test('when attempts are used up the row fails with the last error', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, retry({ maxAttempts: 2 }))
  const write = flow.write(users, user(1)).catch((error) => error)
  driver.runs[0]!.fail(new MemoryError('deadlock'))
  await clock.advance(20)
  driver.runs[1]!.fail(new MemoryError('lock_timeout'))
  const error = await write
  assert.is(error.message, 'row of table "users" failed after 2 attempts: lock_timeout')
  assert.is(driver.released, 1)
})

test("the database's own code is told with the reason", async () => {
  const classify = () => ({ reason: 'syntax', code: '42P01' })
  const { flow, driver } = rig({ flushSize: 1 }, (executor) => executor.withErrorClassifier(classify))
  const write = flow.write(users, user(1)).catch((error) => error)
  driver.runs[0]!.fail(new Error('relation "users" does not exist'))
  const error: RowFailedError = await write
  assert.is(error.databaseCode, '42P01')
  assert.is(error.message, 'row of table "users" failed after 1 attempt: syntax (42P01)')
})

test('what cannot pass is not retried', async () => {
  for (const reason of ['syntax', 'permission', 'non_retryable', 'unknown']) {
    const { flow, driver } = rig({ flushSize: 2 }, retry())
    const writes = usersFrom(1, 2).map((row) => flow.write(users, row).catch((error) => error.reason))
    driver.runs[0]!.fail(new MemoryError(reason))
    assert.equal(await Promise.all(writes), [reason, reason])
    assert.is(driver.runs.length, 1)
  }
})

test('an unknown outcome of a plain insert is retried unless onAmbiguous is fail', async () => {
  const attempts = async (onAmbiguous: 'retry' | 'fail', table = users, ambiguous = true) => {
    const { flow, driver, clock } = rig({ flushSize: 1 }, retry({ onAmbiguous, maxAttempts: 2 }))
    const write = flow.write(table, user(1)).catch(() => {})
    driver.runs[0]!.fail(new AttemptError(new MemoryError('connection'), { ambiguous }))
    await clock.advance(20)
    driver.runs[1]?.succeed()
    await write
    return driver.runs.length
  }
  assert.is(await attempts('retry'), 2)
  assert.is(await attempts('fail'), 1)
  assert.is(await attempts('fail', updated), 2, 'an update is idempotent')
  assert.is(await attempts('fail', users, false), 2, 'nothing had been sent')
})

test('an attempt that takes too long is aborted, retried, and told as processor_timeout', async () => {
  const reporter = new RecordingReporter()
  const configure = (executor: Executor) => retry()(executor.withTimeout(50)).withMetricsReporter(reporter)
  const { flow, driver, clock } = rig({ flushSize: 1 }, configure)
  const write = flow.write(users, user(1))
  const [run] = driver.runs
  run!.signal.addEventListener('abort', () => run!.fail(new Error('the client says: cancelled')))
  await clock.advance(50)
  assert.instance(run!.signal.reason, AttemptTimeoutError)
  await clock.advance(20)
  driver.runs[1]!.succeed()
  await write
  assert.equal(reporter.of('countError'), [['retry', 'processor_timeout']])
  assert.is(clock.running, 0, 'no timer is left')
})

test('an attempt that succeeds although it was aborted has succeeded', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, (executor) => executor.withRetry(false).withTimeout(50))
  const write = flow.write(users, user(1))
  await clock.advance(50)
  driver.runs[0]!.succeed()
  await write
})

test('a driver around another one hands on a copy of what it is told, and the signal with it', async () => {
  const inner = new MemoryDriver()
  const driver: Driver = {
    name: 'outer',
    plan: (batch) => inner.plan(batch),
    run: (operation, attempt) => inner.run(operation as ReturnType<typeof inner.plan>, { ...attempt }),
  }
  const clock = new ManualClock()
  const flow = new BatchFlow(createExecutor(driver).withTimeout(50).withRetry(false), { clock, flushSize: 1 })
  const failed = thrownBy(() => flow.write(users, user(1)))
  const [run] = inner.runs
  run!.signal.addEventListener('abort', () => run!.fail(run!.signal.reason))
  await clock.advance(50)
  assert.is(((await failed) as RowFailedError).reason, 'processor_timeout')
})

test('a driver that does not react to its signal is left behind, its operation with it', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, (executor) => executor.withRetry(false).withTimeout(50))
  const write = flow.write(users, user(1)).catch((error) => error)
  await clock.advance(50 + 4999)
  assert.is(driver.released, 0)
  await clock.advance(1)
  assert.is((await write).reason, 'processor_timeout')
  assert.is(driver.released, 0, 'the driver may still use it')
  driver.runs[0]!.fail(new Error('too late to matter'))
  await settled()
})

/** A memory database whose plans take until the test lets them. */
function planning(): { driver: MemoryDriver; plans: (() => void)[] } {
  const driver = new MemoryDriver()
  const plan = driver.plan.bind(driver)
  const plans: (() => void)[] = []
  const later = (batch: BatchInput) => new Promise((resolve) => plans.push(() => resolve(plan(batch))))
  return { driver: Object.assign(driver, { plan: later }) as MemoryDriver, plans }
}

test('an operation planned too late is given back and never carried out', async () => {
  const { driver, plans } = planning()
  const configure = (executor: Executor) => retry({ onAmbiguous: 'fail' })(executor.withTimeout(50))
  const { flow, clock } = rig({ flushSize: 1 }, configure, driver)
  const write = flow.write(users, user(1))
  await clock.advance(50)
  plans[0]!()
  await clock.advance(20)
  assert.is(driver.runs.length, 0)
  plans[1]!()
  await settled()
  assert.is(driver.runs.length, 1, 'nothing had been sent: that is no unknown outcome')
  driver.runs[0]!.succeed()
  await write
  assert.equal([driver.planned, driver.released], [2, 2])
})

test('a plan that was left behind does not meddle with the next attempt', async () => {
  const { driver, plans } = planning()
  const { flow, clock } = rig({ flushSize: 1 }, (executor) => retry()(executor.withTimeout(50)), driver)
  const write = flow.write(users, user(1))
  await clock.advance(50 + 5000 + 20)
  plans[1]!()
  await settled()
  plans[0]!()
  await settled()
  assert.is(driver.runs.length, 1)
  driver.runs[0]!.succeed()
  await write
  assert.equal([driver.planned, driver.released], [2, 2])
})

test('a driver that breaks its contract leaves no row without an answer', async () => {
  const answering = Object.assign(new MemoryDriver(), { run: async () => ({ rowCount: 1 }) }) as never
  const outcome = await thrownBy(() => rig({ flushSize: 1 }, undefined, answering).flow.write(users, user(1)))
  assert.instance((outcome as RowFailedError).cause, TypeError)

  const driver = new MemoryDriver((run) => run.succeed())
  const release = () => {
    throw new Error('released twice')
  }
  const clinging = Object.assign(driver, {
    plan: (batch: BatchInput) => ({ name: 'INSERT', text: '', batch, release }),
  })
  const { flow } = rig({ flushSize: 1 }, undefined, clinging)
  assert.is((await flow.write(users, user(1))).rows, 1)
})

/** Commits batches without bad rows, as a database does whose statements are atomic. */
function rejecting(isBad: (id: number) => boolean, hint: boolean): MemoryDriver {
  return new MemoryDriver((run: Run) => {
    const rowIndex = (ids(run.rows) as number[]).findIndex(isBad)
    if (rowIndex < 0) run.succeed()
    else run.fail(new AttemptError(new MemoryError('constraint'), hint ? { rowIndex } : {}))
  })
}

test('bad rows are found and fail alone, all others are committed in order', async () => {
  const bad = fc.uniqueArray(fc.integer({ min: 0, max: 59 }), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 60 }), bad, fc.boolean(), async (size, bad, hint) => {
      const driver = rejecting((id) => bad.includes(id), hint)
      const { flow } = rig({ flushSize: 60, deadLetter: () => {} }, undefined, driver)
      const outcome = flow.writeMany(users, usersFrom(0, size))
      await flow.flush()
      const expected = Array.from({ length: size }, (_, id) => (bad.includes(id) ? 'rejected' : 'fulfilled'))
      assert.equal(
        (await outcome).map(({ status }) => status),
        expected,
      )
      assert.equal(
        ids(driver.committed),
        Array.from({ length: size }, (_, id) => id).filter((id) => !bad.includes(id)),
      )
      const faults = expected.filter((status) => status === 'rejected').length
      if (hint) assert.ok(driver.runs.length <= 2 * faults + 1, 'a hint saves the search')
      assert.is(driver.released, driver.planned)
    }),
    { numRuns: 300 },
  )
})

test('a row that was searched for in halves tells all attempts it was in', async () => {
  const driver = rejecting((id) => id === 3, false)
  const { flow } = rig({ flushSize: 4, deadLetter: () => {} }, undefined, driver)
  const [, , , last] = await flow.writeMany(users, usersFrom(0, 4))
  assert.is((last as PromiseRejectedResult).reason.attempts, 3)
})

test('withIsolation(false) fails the batch whole', async () => {
  const driver = rejecting((id) => id === 1, false)
  const { flow } = rig({ flushSize: 3 }, (executor) => executor.withIsolation(false), driver)
  const outcome = await flow.writeMany(users, usersFrom(0, 3))
  assert.ok(outcome.every(({ status }) => status === 'rejected'))
  assert.is(driver.runs.length, 1)
})

test('where rows fail one by one, only those that may pass are tried again', async () => {
  const { flow, driver, clock } = rig({ flushSize: 4 }, retry())
  const outcome = flow.writeMany(users, usersFrom(1, 4))
  await settled()
  driver.runs[0]!.succeed([
    { index: 1, error: new MemoryError('deadlock') },
    { index: 2, error: new MemoryError('invalid_data') },
    { index: 3, error: new MemoryError('connection') },
  ])
  await clock.advance(20)
  assert.equal(ids(driver.runs[1]!.rows), [2, 4])
  driver.runs[1]!.succeed([{ index: 1, error: new MemoryError('deadlock') }])
  await clock.advance(40)
  assert.equal(ids(driver.runs[2]!.rows), [4])
  driver.runs[2]!.succeed()
  assert.equal(
    (await outcome).map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  )
})

test('a stale operation is planned anew at once, and only once', async () => {
  const { flow, driver } = rig({ flushSize: 1 })
  const write = flow.write(users, user(1)).catch((error) => error)
  driver.runs[0]!.fail(new AttemptError(new MemoryError('syntax'), { stale: true }))
  await settled()
  assert.is(driver.planned, 2)
  driver.runs[1]!.fail(new AttemptError(new MemoryError('syntax'), { stale: true }))
  assert.is((await write).reason, 'syntax')
  assert.is(driver.runs.length, 2)
})

test('a plan that fails is a failed attempt; the row it names fails alone', async () => {
  const driver = new MemoryDriver((run) => run.succeed())
  const plan = driver.plan.bind(driver)
  driver.plan = (batch) => {
    const rowIndex = ids(batch.rows).indexOf(2)
    if (rowIndex >= 0) throw new AttemptError(new MemoryError('invalid_data'), { rowIndex })
    return plan(batch)
  }
  const { flow } = rig({ flushSize: 3 }, undefined, driver)
  const outcome = await flow.writeMany(users, usersFrom(1, 3))
  assert.equal(
    outcome.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('rows of an update that lack columns go in operations of their own', async () => {
  const { flow, driver } = rig({ flushSize: 3 })
  const outcome = flow.writeMany(updated, [user(1), { id: 2, name: 'two' }, user(3)])
  await settled()
  assert.equal(
    [driver.runs[0]!.batch.columns, ids(driver.runs[0]!.rows)],
    [
      ['id', 'name', 'email'],
      [1, 3],
    ],
  )
  driver.runs[0]!.succeed()
  await settled()
  assert.equal([driver.runs[1]!.batch.columns, ids(driver.runs[1]!.rows)], [['id', 'name'], [2]])
  driver.runs[1]!.fail(new MemoryError('constraint'))
  assert.equal(
    (await outcome).map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('the hook is asked first, and may invent labels; one that throws has no say', async () => {
  const reporter = new RecordingReporter()
  const told = async (classify: Parameters<Executor['withErrorClassifier']>[0]) => {
    const { flow, driver, clock }: Rig = rig({ flushSize: 1 }, (executor) =>
      retry({ maxAttempts: 2 })(executor.withErrorClassifier(classify)).withMetricsReporter(reporter),
    )
    const write = flow.write(users, user(1)).catch(() => {})
    driver.runs[0]!.fail(new MemoryError('permission'))
    await clock.advance(20)
    driver.runs[1]?.succeed()
    await write
    return reporter.of('countError').at(-1)
  }
  assert.equal(await told(() => ({ reason: 'tenant_busy', retryable: true })), ['retry', 'tenant_busy'])
  assert.equal(await told(() => undefined), ['final', 'permission'])
  assert.equal(
    await told(() => {
      throw new Error('broken hook')
    }),
    ['final', 'permission'],
  )
})

test('pauses double up to the longest one, less a random share', () => {
  const policy = { ...retryPolicy(), backoffBase: 20, maxBackoff: 100, jitter: 0.5 }
  const pauses = (random: number) => [1, 2, 3, 4, 5].map((attempt) => backoff(policy, attempt, () => random))
  assert.equal(pauses(0), [20, 40, 80, 100, 100])
  assert.equal(pauses(1), [10, 20, 40, 50, 50])
})

const bad: [title: string, configure: (executor: Executor) => unknown, message: string][] = [
  [
    'no attempt',
    (e) => e.withRetry({ maxAttempts: 0 }),
    'withRetry: maxAttempts must be an integer of at least 1, received 0',
  ],
  [
    'a negative pause',
    (e) => e.withRetry({ maxAttempts: 2, backoffBase: -1 }),
    'withRetry: backoffBase must be a number from 0 to 2147483647, received -1',
  ],
  [
    'an endless pause',
    (e) => e.withRetry({ maxAttempts: 2, maxBackoff: Number.POSITIVE_INFINITY }),
    'withRetry: maxBackoff must be a number from 0 to 2147483647, received Infinity',
  ],
  [
    'much jitter',
    (e) => e.withRetry({ maxAttempts: 2, jitter: 2 }),
    'withRetry: jitter must be a number from 0 to 1, received 2',
  ],
  [
    'a strange choice',
    (e) => e.withRetry({ maxAttempts: 2, onAmbiguous: 'guess' as never }),
    'withRetry: onAmbiguous must be one of retry, fail, verify, received "guess"',
  ],
  [
    'a misspelt option',
    (e) => e.withRetry({ maxAttempt: 3 } as never),
    'withRetry: unknown option "maxAttempt"; there are maxAttempts, backoffBase, maxBackoff, jitter, maxOutage, onAmbiguous',
  ],
  [
    'half a slot',
    (e) => e.withConcurrencyLimit(1.5),
    'withConcurrencyLimit: limit must be an integer of at least 0, received 1.5',
  ],
  [
    'a timeout in words',
    (e) => e.withTimeout('2s' as never),
    'withTimeout: milliseconds must be an integer from 0 to 2147483647, received "2s"',
  ],
  [
    'no reporter',
    (e) => e.withMetricsReporter(null as never),
    'withMetricsReporter: reporter must be a MetricsReporter with a method open(), received null',
  ],
  [
    'no classifier',
    (e) => e.withErrorClassifier({} as never),
    'withErrorClassifier: classify must be a function, received an object',
  ],
]
for (const [title, configure, message] of bad) {
  test(`refuses ${title}`, async () =>
    void (await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () =>
      rig({}, (executor) => configure(executor) as Executor),
    )))
}

test.run()
