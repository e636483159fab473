import { getEventListeners } from 'node:events'
import { Readable } from 'node:stream'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AbortedError, ClosedError, InvalidRowError, RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith, thrownBy } from '../support/assertions.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { committing, MemoryError, type Run } from '../support/engine/memory-driver.ts'
import { ids, type User, updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('BatchFlow')

test('a batch leaves when it is full, in the order of its rows', async () => {
  const { flow, driver } = rig({ flushSize: 3 })
  await flow.submitMany(users, usersFrom(1, 7))
  assert.equal(
    driver.runs.map(({ rows }) => ids(rows)),
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
  )
})

test('a batch leaves flushInterval after its first row', async () => {
  const { flow, driver, clock } = rig({ flushSize: 10, flushInterval: 100 })
  await flow.submit(users, user(1))
  await clock.advance(60)
  await flow.submit(users, user(2))
  await clock.advance(39)
  assert.is(driver.runs.length, 0)
  await clock.advance(1)
  assert.equal(ids(driver.runs[0]!.rows), [1, 2])
})

test('a batch that left full does not make the next one leave early', async () => {
  const { flow, driver, clock } = rig({ flushSize: 2, flushInterval: 100 })
  await flow.submit(users, user(1))
  await clock.advance(90)
  await flow.submitMany(users, usersFrom(2, 2))
  await clock.advance(99)
  assert.is(driver.runs.length, 1)
  await clock.advance(1)
  assert.equal(ids(driver.runs[1]!.rows), [3])
})

test('tables do not mix, equal definitions share a lane', async () => {
  const { flow, driver } = rig({ flushSize: 2 })
  const define = (name: string) => defineTable<{ id: number }>(name, { columns: ['id'] })
  await flow.submit(define('a'), { id: 1 })
  await flow.submit(define('b'), { id: 2 })
  await flow.submit(define('a'), { id: 3 })
  assert.is(driver.runs.length, 1)
  assert.is(driver.runs[0]!.batch.table.name, 'a')
  assert.equal(ids(driver.runs[0]!.rows), [1, 3])
})

test('flush sends what is buffered and waits for what is under way, failed or not', async () => {
  const { flow, driver } = rig({ flushSize: 2 })
  await flow.submitMany(users, usersFrom(1, 3))
  let flushed = false
  const flush = flow.flush().then(() => (flushed = true))
  await settled()
  assert.is(driver.runs.length, 2)
  driver.runs[1]!.succeed()
  await settled()
  assert.not.ok(flushed)
  driver.runs[0]!.succeed()
  await flush
  await flow.flush()
})

test('a row submitted after flush is not waited for', async () => {
  const { flow, driver } = rig({ flushSize: 10 })
  await flow.submit(users, user(1))
  const flush = flow.flush()
  await flow.submit(users, user(2))
  await settled()
  driver.runs[0]!.succeed()
  await flush
  assert.is(driver.runs.length, 1)
})

test('write resolves with one receipt for the whole batch, when it is committed', async () => {
  const { flow, driver } = rig({ flushSize: 2 })
  const first = flow.write(users, user(1))
  const second = flow.write(users, user(2))
  driver.runs[0]!.succeed()
  assert.equal(await first, { table: 'users', rows: 2, attempts: 1 })
  assert.is(await first, await second)
})

test('write rejects with the error of its own row', async () => {
  const { flow, driver } = rig({ flushSize: 3 })
  const writes = usersFrom(1, 3).map((row) => flow.write(users, row))
  const cause = new MemoryError('constraint')
  driver.runs[0]!.succeed([{ index: 1, error: cause }])
  await writes[0]
  await writes[2]
  const message = 'row of table "users" failed after 1 attempt: constraint'
  const error = await rejectsWith(RowFailedError, 'ERR_BATCHFLOW_ROW_FAILED', message, () => writes[1])
  assert.is(error.cause, cause)
  assert.is(error.reason, 'constraint')
  assert.is(error.table, 'users')
})

test('writeMany tells what became of each row', async () => {
  const { flow, driver } = rig({ flushSize: 3 })
  const outcome = flow.writeMany(users, usersFrom(1, 3))
  await settled()
  driver.runs[0]!.succeed([{ index: 2, error: new MemoryError('invalid_data') }])
  assert.equal(
    (await outcome).map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
  assert.equal(await flow.writeMany(users, []), [])
})

test('writeMany tells its rows apart where others come between them, keys are merged and batches fail in parts', async () => {
  const { flow, driver } = rig({ flushSize: 4 })
  async function* slowly() {
    for (let id = 1; id <= 6; id++) {
      if (id === 3) void flow.submit(users, user(100))
      yield id === 5 ? (null as never) : user(id)
    }
  }
  const outcome = flow.writeMany(users, slowly())
  const merged = flow.writeMany(updated, [user(1), user(2), user(1)])
  await settled()
  void flow.flush()
  await settled()
  const bad = (run: Run, ...at: number[]) =>
    run.succeed(at.map((index) => ({ index, error: new MemoryError('constraint') })))
  const [ofUsers, ofKeys, rest] = [driver.runs[0]!, driver.runs[1]!, driver.runs[2]!]
  assert.equal(
    [ofUsers, ofKeys, rest].map(({ rows }) => ids(rows)),
    [
      [1, 2, 100, 3],
      [1, 2],
      [4, 6],
    ],
  )
  bad(rest, 0)
  bad(ofKeys, 0)
  bad(ofUsers, 1, 2)
  const said = async (results: Promise<PromiseSettledResult<unknown>[]>) =>
    (await results).map(({ status }) => status[0])
  assert.equal(await said(outcome), ['f', 'r', 'f', 'r', 'r', 'f'])
  assert.equal(await said(merged), ['r', 'f', 'r'])
})

test('writeMany reports rows that could not be accepted', async () => {
  const { flow } = rig({ flushSize: 1 }, undefined, committing())
  const outcome = await flow.writeMany(users, [user(1), null as never, user(2)])
  assert.equal(
    outcome.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('a signal ends the wait of writeMany, with what is known by then', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const { flow, driver } = rig({ flushSize: 1, bufferSize: 2 })
  const outcome = flow.writeMany(users, usersFrom(1, 4), { signal })
  driver.runs[0]!.succeed()
  await settled()
  controller.abort()
  const [first, ...others] = await outcome
  assert.is(first!.status, 'fulfilled')
  assert.equal(
    others.map((result) => ((result as PromiseRejectedResult).reason as AbortedError).accepted),
    [true, true, false],
  )
  for (const run of driver.runs.slice(1)) run.succeed()
  assert.is((await flow.close()).committed, 3)
  await flow.writeMany(users, []) // nothing to wait for
  assert.is(getEventListeners(signal, 'abort').length, 0)
})

test('what is no row is refused without its value', async () => {
  const { flow } = rig()
  const refuses = (row: unknown, kind: string) =>
    rejectsWith(
      InvalidRowError,
      'ERR_BATCHFLOW_ROW',
      `a row of table "users" must be an object, received ${kind}`,
      () => flow.submit(users, row as never),
    )
  await refuses('secret', 'string')
  await refuses(null, 'null')
  assert.throws(() => flow.trySubmit(users, 5 as never), /must be an object, received number/)
})

test('a table that defineTable did not make is refused', async () => {
  const { flow } = rig()
  const forgotten = 'table must be made by defineTable(), received undefined'
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', forgotten, () => flow.submit(undefined as never, user(1)))
  const message = 'table must be made by defineTable(), received "users"'
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => flow.submit('users' as never, user(1)))
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => flow.write('users' as never, user(1)))
})

test('nothing is accepted after close', async () => {
  const { flow } = rig()
  await flow.close()
  const message = 'this BatchFlow is closed: submit rows before close(), or make a new BatchFlow'
  await rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', message, () => flow.submit(users, user(1)))
  await rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', message, () => flow.write(users, user(1)))
  await rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', message, () => flow.trySubmit(users, user(1)))
})

test('an aborted signal refuses the row', async () => {
  const { flow, driver } = rig({ flushSize: 1 })
  const signal = AbortSignal.abort('enough')
  const message = 'submit was aborted; the row was not accepted'
  const error = await rejectsWith(AbortedError, 'ERR_BATCHFLOW_ABORTED', message, () =>
    flow.submit(users, user(1), { signal }),
  )
  assert.is(error.cause, 'enough')
  assert.is(error.accepted, false)
  assert.is(driver.runs.length, 0)
})

test('a signal ends the wait of write, not the row', async () => {
  const { flow, driver } = rig({ flushSize: 1 })
  const controller = new AbortController()
  const write = flow.write(users, user(1), { signal: controller.signal })
  await settled()
  controller.abort()
  const message = 'write was aborted; the row had been accepted and will still be settled'
  const error = await rejectsWith(AbortedError, 'ERR_BATCHFLOW_ABORTED', message, () => write)
  assert.is(error.accepted, true)
  driver.runs[0]!.succeed()
  assert.is((await flow.close()).committed, 1)
})

test('a signal that is never aborted keeps no listener', async () => {
  const { flow } = rig({ flushSize: 1 }, undefined, committing())
  let listeners = 0
  const { signal } = new AbortController()
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++
    add(...args)
  }
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--
    remove(...args)
  }
  for (let i = 0; i < 20; i++) await flow.write(users, user(i), { signal })
  assert.is(listeners, 0)
})

test('however many wait on one signal, it has one listener, and all hear of it', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const { flow } = rig({ flushSize: 30, bufferSize: 30 })
  const outcomes = usersFrom(0, 30).map((row) => thrownBy(() => flow.write(users, row, { signal })))
  await settled()
  outcomes.push(...usersFrom(30, 30).map((row) => thrownBy(() => flow.submit(users, row, { signal }))))
  assert.is(getEventListeners(signal, 'abort').length, 1)
  controller.abort()
  const errors = (await Promise.all(outcomes)) as AbortedError[]
  assert.is(errors.filter(({ accepted }) => accepted).length, 30)
  assert.is(errors.filter(({ accepted }) => !accepted).length, 30)
})

test('what is no signal is refused before the row is accepted', async () => {
  const { flow, driver } = rig({ flushSize: 1 })
  const message = 'submit: signal must be an AbortSignal with a method addEventListener(), received an object'
  const options = { signal: new AbortController() } as never // a slip: its signal is meant
  for (const call of ['submit', 'write'] as const) {
    const own = message.replace('submit', call)
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', own, () => flow[call](users, user(1), options))
  }
  assert.is(driver.runs.length, 0)
})

test('misspelt and missing options of a call are refused, as a promise that rejects', async () => {
  const { flow } = rig()
  const refuses = (message: string, act: () => unknown) =>
    rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, act)
  const slip = { signl: new AbortController().signal } as never
  await refuses('submit: unknown option "signl"; there are signal', () => flow.submit(users, user(1), slip))
  await refuses('write: unknown option "signl"; there are signal', () => flow.write(users, user(1), slip))
  await refuses('submitMany: options must be an object, received null', () =>
    flow.submitMany(users, [user(1)], null as never),
  )
  for (const call of ['submitMany', 'writeMany'] as const) {
    const wanted = `${call}: rows must be an array or another iterable of rows, sync or async, received`
    await refuses(`${wanted} an object`, () => flow[call](users, user(1) as never))
    await refuses(`${wanted} "rows"`, () => flow[call](users, 'rows' as never))
    await refuses(`${wanted} null`, () => flow[call](users, null as never))
  }
  await refuses('table must be made by defineTable(), received undefined', () => flow.writable(undefined as never))
})

test('rows may come from an async iterable; what that throws is passed on, and the rows before are settled', async () => {
  async function* stream(): AsyncGenerator<User> {
    for (const row of usersFrom(1, 3)) yield row
    throw new Error('the source broke')
  }
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 2 }, undefined, committing())
  await flow.submitMany(users, Readable.from(usersFrom(10, 4)))
  const results = await flow.writeMany(users, Readable.from(usersFrom(20, 2)))
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled'],
  )
  for (const call of ['submitMany', 'writeMany'] as const) {
    assert.match(String(await thrownBy(() => flow[call](users, stream()))), 'the source broke')
  }
  assert.is((await flow.close()).committed, 12)
  assert.equal(ids(driver.committed).length, 12)
})

test('await using closes', async () => {
  const driver = committing()
  {
    await using flow = new BatchFlow(createExecutor(driver))
    await flow.submit(users, user(1))
  }
  assert.equal(ids(driver.committed), [1])
})

const bad: [options: object, message: string][] = [
  [{ flushSize: 0 }, 'BatchFlow: flushSize must be an integer from 1 to 1000000, received 0'],
  [{ flushSize: '5' }, 'BatchFlow: flushSize must be an integer from 1 to 1000000, received "5"'],
  [{ bufferSize: 100 }, 'BatchFlow: bufferSize (with flushSize 500) must be an integer of at least 500, received 100'],
  [{ flushInterval: -1 }, 'BatchFlow: flushInterval must be an integer from 0 to 2147483647, received -1'],
  [{ flushInterval: Number.NaN }, 'BatchFlow: flushInterval must be an integer from 0 to 2147483647, received NaN'],
  [{ flushSize: null }, 'BatchFlow: flushSize must be an integer from 1 to 1000000, received null'],
  [{ log: null }, 'BatchFlow: log must be an object, received null'],
  [{ deadLetter: null }, 'BatchFlow: deadLetter must be a function, received null'],
  [{ clock: Date }, 'BatchFlow: clock must be a clock with a method timer(), received a function'],
  [{ latencySampling: 0 }, 'BatchFlow: latencySampling must be an integer of at least 1, received 0'],
  [{ deadLetter: 'log' }, 'BatchFlow: deadLetter must be a function, received "log"'],
  [{ signal: {} }, 'BatchFlow: signal must be an AbortSignal with a method addEventListener(), received an object'],
  [
    { bufferSise: 1 },
    'BatchFlow: unknown option "bufferSise"; there are bufferSize, bufferBytes, overflow, flushSize, flushBytes, flushInterval, adaptive, latencySampling, check, log, deadLetter, signal, clock',
  ],
]
for (const [options, message] of bad) {
  test(`refuses ${JSON.stringify(options)}`, async () =>
    void (await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => rig(options as never))))
}

test('refuses what is no executor', async () =>
  void (await rejectsWith(
    OptionError,
    'ERR_BATCHFLOW_OPTION',
    'BatchFlow: executor must be made by postgresExecutor() or the like, with a method withMetricsReporter(), received an object',
    () => new BatchFlow({} as never),
  )))

test('an option that is undefined has its default', async () => {
  const { flow } = rig({ flushSize: undefined, bufferSize: undefined, deadLetter: undefined } as never)
  await flow.close()
})

test('a flushSize above the default bufferSize raises that', async () => {
  await rig({ flushSize: 20_000 }).flow.close()
})

test.run()
