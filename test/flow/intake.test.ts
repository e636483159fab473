import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AbortedError, InvalidRowError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { rejectsWith } from '../support/assertions.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { committing } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, updated, user, users, usersFrom } from '../support/engine/tables.ts'
import { collected } from '../support/garbage.ts'

const test = suite('row budget')

const byNumber = (a: unknown, b: unknown) => Number(a) - Number(b)

test('with the buffer full submit waits, and trySubmit says no', async () => {
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 4 })
  await flow.submitMany(users, usersFrom(1, 4))
  assert.is(flow.trySubmit(users, user(5)), false)
  let accepted = false
  const waiting = flow.submit(users, user(6)).then(() => (accepted = true))
  await settled()
  assert.not.ok(accepted)
  driver.runs[0]!.succeed()
  await waiting
  assert.is(flow.trySubmit(users, user(7)), true)
})

test('who waits is served first come first served, and nobody overtakes', async () => {
  const { flow, driver } = rig({ flushSize: 1, bufferSize: 1 })
  await flow.submit(users, user(0))
  const order: number[] = []
  const waits = [1, 2, 3, 4].map((id) => flow.submit(users, user(id)).then(() => order.push(id)))
  for (let i = 0; i < 4; i++) {
    driver.runs[i]!.succeed()
    await settled()
    assert.is(flow.trySubmit(users, user(99)), false)
  }
  await Promise.all(waits)
  assert.equal(order, [1, 2, 3, 4])
  assert.equal(ids(driver.runs.map(({ rows }) => rows[0]!)), [0, 1, 2, 3, 4])
})

test('nor do rows of an array overtake a large one that waits, though there is room for them', async () => {
  const { flow, driver } = rig({ flushSize: 50, bufferBytes: 50_000 }, (executor) => executor.withConcurrencyLimit(1))
  await flow.submitMany(users, usersFrom(1, 80))
  const large = flow.submit(updated, { ...user(100), name: 'n'.repeat(100_000) })
  const small = flow.submitMany(users, usersFrom(81, 10))
  assert.is(flow.stats().accepted, 80)
  let closing: Promise<unknown> | undefined
  void Promise.all([large, small]).then(() => (closing = flow.close()))
  for (let i = 0; i < 10; i++) {
    driver.runs[i]?.succeed()
    await settled()
  }
  await closing
  assert.equal(ids(driver.committed).sort(byNumber), [...ids(usersFrom(1, 90)), 100])
})

test('a row that submits another while it is accepted takes its room too; nobody else gets in meanwhile', async () => {
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 2 }, (executor) => executor.withConcurrencyLimit(1))
  await flow.submit(updated, user(1))
  let sent = false
  const nesting = {
    get id() {
      if (!sent) {
        sent = true
        void flow.submit(updated, user(2))
      }
      return 3
    },
  }
  const nested = flow.submit(updated, nesting) // whether it is measured first, or accepted at once, is left to chance
  let accepted = false
  void flow.submit(updated, user(4)).then(() => (accepted = true))
  await settled()
  assert.is(accepted, false)
  driver.runs[0]!.succeed()
  await settled()
  assert.is(accepted, true)
  await nested
  const closed = flow.close()
  for (let done = 1; done < driver.runs.length; done++) {
    driver.runs[done]!.succeed()
    await settled()
  }
  assert.is((await closed).committed, 4)
})

test('the rows held never exceed bufferSize, whatever the database does', async () => {
  const { flow, driver } = rig({ flushSize: 10, bufferSize: 50 }, (executor) => executor.withConcurrencyLimit(2))
  let accepted = 0
  const producers = Array.from({ length: 8 }, async (_, p) => {
    for (const row of usersFrom(p * 100, 100)) {
      await flow.submit(users, row)
      accepted++
    }
  })
  for (let done = 0; driver.committed.length < 800; done++) {
    await settled()
    assert.ok(accepted - driver.committed.length <= 50, `${accepted} accepted, ${driver.committed.length} settled`)
    driver.runs[done]!.succeed()
  }
  await Promise.all(producers)
  assert.is((await flow.close()).committed, 800)
})

test('an aborted wait gives its turn to the next', async () => {
  const { flow, driver } = rig({ flushSize: 1, bufferSize: 1 })
  await flow.submit(users, user(0))
  const controller = new AbortController()
  const aborted = flow.submit(users, user(1), { signal: controller.signal })
  const next = flow.submit(users, user(2))
  controller.abort(new Error('gone'))
  const message = 'submit was aborted while it waited for room; the row was not accepted'
  await rejectsWith(AbortedError, 'ERR_BATCHFLOW_ABORTED', message, () => aborted)
  driver.runs[0]!.succeed()
  await next
  assert.equal(ids(driver.runs[1]!.rows), [2])
})

test('who gave up is forgotten, though there is never room again', async () => {
  const { flow, driver } = rig({ flushSize: 1, bufferSize: 1 })
  await flow.submit(users, user(0))
  const patient = usersFrom(1, 3).map((row) => flow.submit(users, row))
  const forgotten: WeakRef<object>[] = []
  for (let i = 0; i < 100; i++) {
    const row = user(i)
    forgotten.push(new WeakRef(row))
    const controller = new AbortController()
    const submitted = flow.submit(users, row, { signal: controller.signal }).catch(() => {})
    controller.abort()
    await submitted
  }
  await collected()
  const held = forgotten.filter((row) => row.deref() !== undefined).length
  assert.ok(held < 10, `${held} rows of 100 are held`)
  for (let i = 0; i < 4; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  await Promise.all(patient)
  assert.equal(ids(driver.committed), [0, 1, 2, 3])
})

test('refused rows are counted by reason', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver } = rig({ flushSize: 1, bufferSize: 1 }, (executor) => executor.withMetricsReporter(reporter))
  await flow.submit(users, user(0))
  flow.trySubmit(users, user(1))
  const controller = new AbortController()
  const aborted = flow.submit(users, user(2), { signal: controller.signal }).catch(() => {})
  controller.abort()
  await aborted
  await flow.submit(users, undefined as never).catch(() => {})
  driver.runs[0]!.succeed()
  await flow.close()
  await flow.submit(users, user(3)).catch(() => {})
  assert.equal(reporter.of('countRejected'), [
    ['full', 1],
    ['context', 1],
    ['invalid', 1],
    ['closed', 1],
  ])
})

test('a row that cannot be read is refused, and takes no room', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver } = rig({ flushSize: 1, bufferSize: 1 }, (executor) => executor.withMetricsReporter(reporter))
  const circular: { self?: object } = {}
  circular.self = circular
  const message = 'a row of table "updated" cannot be read'
  const refuses = (act: () => unknown) => rejectsWith(InvalidRowError, 'ERR_BATCHFLOW_ROW', message, act)
  await refuses(() => flow.submit(updated, { id: circular } as never))
  await refuses(() => flow.trySubmit(updated, { id: { amount: 1n } } as never))
  await flow.submit(updated, user(1))
  const broken = {
    get id(): number {
      throw new Error('not loaded')
    },
  }
  const waiting = refuses(() => flow.write(updated, broken))
  const next = flow.submit(updated, user(2))
  driver.runs[0]!.succeed()
  assert.is(((await waiting).cause as Error).message, 'not loaded')
  await next
  driver.runs[1]!.succeed()
  assert.is((await flow.close()).committed, 2)
  assert.is(reporter.of('countRejected').filter(([reason]) => reason === 'invalid').length, 3)
})

test('pressure: with the budget spent and a slot free, the fullest lane goes', async () => {
  const { flow, driver } = rig({ flushSize: 10, bufferSize: 10 })
  const small = defineTable<{ id: number }>('small', { columns: ['id'] })
  const large = defineTable<{ id: number }>('large', { columns: ['id'] })
  await flow.submitMany(small, [{ id: 1 }, { id: 2 }, { id: 3 }])
  await flow.submitMany(
    large,
    Array.from({ length: 7 }, (_, id) => ({ id })),
  )
  assert.is(driver.runs[0]!.batch.table.name, 'large')
  assert.is(driver.runs[0]!.rows.length, 7)
})

test('pressure: twenty interleaved tables do not wait for each other', async () => {
  const reporter = new RecordingReporter()
  const configure = (executor: Parameters<NonNullable<Parameters<typeof rig>[1]>>[0]) =>
    executor.withConcurrencyLimit(4).withMetricsReporter(reporter)
  const { flow, driver } = rig({ flushSize: 100, bufferSize: 500 }, configure, committing())
  const tables = Array.from({ length: 20 }, (_, i) => defineTable<{ id: number }>(`t${i}`, { columns: ['id'] }))
  // The clock stands still: without the pressure rule no lane would ever be full, and this would never end.
  for (let id = 0; id < 10_000; id++) await flow.submit(tables[id % 20]!, { id })
  await flow.flush()
  assert.is(driver.committed.length, 10_000)
  const triggers = reporter.of('countFlush').map(([trigger]) => trigger)
  assert.ok(triggers.filter((trigger) => trigger === 'pressure').length > 100)
})

test('rows that are submitted while another is read take room and give it back', async () => {
  const { flow } = rig({}, undefined, committing())
  let reads = 0
  const row = {
    get id() {
      if (++reads <= 4) void flow.submit(updated, user(reads))
      return 9
    },
    name: 'x'.repeat(1000),
  }
  await flow.submit(updated, row)
  const { unsettled, bytes } = flow.stats()
  assert.ok(reads > 1, 'it is read again when it is accepted')
  assert.is(unsettled, 1 + Math.min(reads, 4))
  assert.ok(bytes > 0)
  await flow.flush()
  assert.is(flow.stats().bytes, 0)
  await flow.close()
})

test.run()
