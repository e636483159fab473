import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FullError, type RowFailedError } from '../../src/contract/errors.ts'
import type { BatchFlow } from '../../src/flow/batch-flow.ts'
import type { DeadLetter } from '../../src/flow/dead-letters.ts'
import { rejectsWith, thrownBy } from '../support/assertions.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { committing } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { ids, type User, updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('overload')

const KILOBYTE = 1000

/** A row of so many bytes, as it is measured. */
function large(id: number, bytes: number) {
  return { id, name: 'x'.repeat(bytes - 24 - 3 * 8 - 16) }
}

test('a batch leaves with flushBytes, and what does not go in begins the next one', async () => {
  const { flow, driver } = rig({ flushSize: 100, flushBytes: 10 * KILOBYTE })
  for (let id = 0; id < 10; id++) await flow.submit(users, large(id, 3 * KILOBYTE))
  assert.equal(
    driver.runs.map(({ rows }) => ids(rows)),
    [
      [0, 1, 2],
      [3, 4, 5],
      [6, 7, 8],
    ],
  )
  await flow.submit(users, large(10, 50 * KILOBYTE))
  assert.equal(
    driver.runs.slice(3).map(({ rows }) => ids(rows)),
    [[9], [10]],
    'what is larger goes alone',
  )
})

test('so does one of keys', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver } = rig({ flushSize: 100, flushBytes: 10 * KILOBYTE }, (executor) =>
    executor.withConcurrencyLimit(1).withMetricsReporter(reporter),
  )
  for (let id = 0; id < 9; id++) await flow.submit(updated, large(id, 3 * KILOBYTE))
  assert.equal(ids(driver.runs[0]!.rows), [0, 1, 2])
  void flow.flush()
  for (let i = 0; i < 2; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  assert.equal(
    driver.runs.slice(1).map(({ rows }) => ids(rows)),
    [
      [3, 4, 5],
      [6, 7, 8],
    ],
  )
  assert.equal(reporter.of('countFlush'), [['size'], ['size'], ['manual']])
})

test('rows of one key that merge take the room of one', async () => {
  const { flow, driver } = rig({ flushSize: 100, flushBytes: 10 * KILOBYTE, bufferBytes: 20 * KILOBYTE })
  for (let i = 0; i < 50; i++) assert.ok(flow.trySubmit(updated, { ...large(1, 5 * KILOBYTE), email: null }))
  assert.is(driver.runs.length, 0)
  const closed = flow.close()
  driver.runs[0]!.succeed()
  assert.is((await closed).committed, 50)
})

test('flushBytes is meant as sent: batches grow once the driver has told how much that is', async () => {
  const driver = committing()
  const { plan } = driver
  driver.plan = (batch) => ({ ...plan.call(driver, batch), byteLength: batch.rows.length * 500 })
  const { flow } = rig({ flushSize: 1000, flushBytes: 10 * KILOBYTE }, undefined, driver)
  for (let id = 0; id < 1000; id++) {
    await flow.submit(users, large(id, KILOBYTE))
    if (id % 10 === 0) await settled()
  }
  assert.is(driver.runs[0]!.rows.length, 10)
  assert.ok(driver.runs.at(-1)!.rows.length >= 19, `${driver.runs.at(-1)!.rows.length} rows`)
})

test('with bufferBytes used up submit waits, nobody overtakes, and what is larger than all goes in alone', async () => {
  const { flow, driver } = rig({ flushSize: 1, bufferSize: 100, bufferBytes: 10 * KILOBYTE, flushBytes: KILOBYTE })
  for (const id of [0, 1, 2]) await flow.submit(users, large(id, 3 * KILOBYTE))
  const order: number[] = []
  const huge = flow.submit(users, large(3, 50 * KILOBYTE)).then(() => order.push(3))
  const small = flow.submit(users, large(4, 100)).then(() => order.push(4))
  assert.not.ok(flow.trySubmit(users, large(5, 100)), 'there would be room, but others wait')
  for (let i = 0; i < 3; i++) {
    assert.equal(order, [])
    driver.runs[i]!.succeed()
    await settled()
  }
  await huge
  assert.equal(order, [3])
  driver.runs[3]!.succeed()
  await small
})

test('pressure: what fills the buffer by its bytes leaves when a slot is free', async () => {
  const { flow, driver } = rig({ flushSize: 100, flushBytes: 10 * KILOBYTE, bufferBytes: 10 * KILOBYTE })
  for (const id of [0, 1, 2]) await flow.submit(users, large(id, 3 * KILOBYTE))
  assert.is(driver.runs.length, 0)
  assert.not.ok(flow.trySubmit(users, large(3, 3 * KILOBYTE)))
  assert.equal(ids(driver.runs[0]!.rows), [0, 1, 2])
})

test('reject: submit and write fail at once, streams wait', async () => {
  const reporter = new RecordingReporter()
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 2, bufferBytes: 1e8, overflow: 'reject' }, (executor) =>
    executor.withMetricsReporter(reporter),
  )
  await flow.submitMany(users, usersFrom(1, 2))
  const message = 'the buffer is full (bufferSize 2, bufferBytes 100000000): a row of table "users" was not accepted'
  const error = await rejectsWith(FullError, 'ERR_BATCHFLOW_FULL', message, () => flow.submit(users, user(3)))
  assert.equal([error.table, error.bufferSize, error.bufferBytes], ['users', 2, 1e8])
  assert.instance(await thrownBy(() => flow.write(users, user(4))), FullError)
  assert.is(flow.trySubmit(users, user(5)), false)
  assert.equal(reporter.of('countRejected'), [
    ['full', 1],
    ['full', 1],
    ['full', 1],
  ])
  const stream = flow.writable(users)
  stream.write(user(6))
  await settled()
  driver.runs[0]!.succeed()
  await settled()
  const closed = flow.close()
  driver.runs[1]!.succeed()
  assert.is((await closed).committed, 3)
})

function dropping(options: object = {}) {
  const letters: DeadLetter[] = []
  const reporter = new RecordingReporter()
  const deadLetter = (dead: readonly DeadLetter[]) => void letters.push(...dead)
  const used = rig({ flushSize: 2, bufferSize: 4, overflow: 'drop-oldest', deadLetter, ...options }, (executor) =>
    executor.withConcurrencyLimit(1).withMetricsReporter(reporter),
  )
  return { ...used, letters, reporter }
}

test('drop-oldest: the oldest rows that wait make room, those in flight stay', async () => {
  const { flow, driver, letters, reporter } = dropping()
  const writes = usersFrom(1, 4).map((row) => flow.write(users, row))
  const dropped = thrownBy(() => writes[2]!)
  assert.ok(flow.trySubmit(users, user(5)))
  const error = (await dropped) as RowFailedError
  assert.equal(
    { reason: error.reason, fault: error.fault, ambiguous: error.ambiguous, attempts: error.attempts },
    { reason: 'overflow', fault: 'place', ambiguous: false, attempts: 0 },
  )
  assert.is(error.message, 'row of table "users" failed after 0 attempts: overflow; it made room for newer ones')
  assert.equal(ids(letters.map(({ row }) => row)), [3])
  for (const id of [6, 7]) await flow.submit(users, user(id))
  assert.equal(ids(letters.map(({ row }) => row)), [3, 4, 5])
  await thrownBy(() => writes[3]!)
  const stats = flow.stats()
  assert.equal([stats.failed, stats.deadLettered, stats.unsettled, stats.accepted], [3, 3, 4, 7])
  const closed = flow.close()
  for (let i = 0; i < 3; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  const { committed, failed } = await closed
  assert.equal({ committed, failed }, { committed: 4, failed: 3 })
  assert.equal(ids(driver.committed), [1, 2, 6, 7])
  assert.equal(reporter.of('countRecords'), [
    ['fail', 1],
    ['fail', 1],
    ['fail', 1],
    ['success', 2],
    ['success', 1],
    ['success', 1],
  ])
  assert.equal(reporter.of('countError')[0], ['final', 'overflow'])
  assert.equal(reporter.of('countDeadLetters')[0], ['overflow', 1])
})

test('drop-oldest: where everything is in flight, submit waits', async () => {
  const { flow, driver, letters } = dropping({ bufferSize: 2 })
  await flow.submitMany(users, usersFrom(1, 2))
  assert.not.ok(flow.trySubmit(users, user(3)))
  const waiting = flow.submit(users, user(4))
  driver.runs[0]!.succeed()
  await waiting
  assert.equal(letters, [])
})

test('drop-oldest: of several tables the oldest rows go, whichever theirs is', async () => {
  const { flow, letters } = dropping({ flushSize: 10, bufferSize: 10 })
  await flow.submitMany(users, usersFrom(0, 10)) // in flight
  const { flow: idle, letters: dropped } = dropping({ flushSize: 4, bufferSize: 8 })
  await idle.submitMany(users, usersFrom(0, 4)) // in flight
  for (const id of [1, 2]) {
    await idle.submit(users, user(id))
    await idle.submit(updated, user(id + 10))
  }
  await idle.submitMany(users, usersFrom(20, 3))
  assert.equal(
    dropped.map(({ table, row }) => [table, ids([row])[0]]),
    [
      ['users', 1],
      ['updated', 11],
      ['users', 2],
    ],
  )
  assert.equal(letters, [])
})

test('drop-oldest: rows that were merged go together, a key in flight is free for the next one', async () => {
  const { flow, driver, letters } = dropping()
  await flow.submitMany(updated, usersFrom(1, 2)) // in flight
  const merged = [flow.write(updated, { id: 1, name: 'a' }), flow.write(updated, { id: 1, name: 'b' })]
  const errors = Promise.all(merged.map((write) => thrownBy(() => write)))
  await flow.submit(updated, { id: 1, name: 'c' })
  for (const error of await errors) assert.is((error as RowFailedError).reason, 'overflow')
  assert.equal(
    letters.map(({ row }) => (row as { name: string }).name),
    ['b'],
  )
  const closed = flow.close()
  driver.runs[0]!.succeed()
  await settled()
  driver.runs[1]!.succeed()
  const { committed, failed } = await closed
  assert.equal({ committed, failed }, { committed: 3, failed: 2 })
  assert.equal((driver.committed.at(-1) as { name: string }).name, 'c')
})

test('drop-oldest: a handler that takes its time holds callers back, and is called once at a time', async () => {
  const handed: (() => void)[] = []
  const calls: unknown[][] = []
  const deadLetter = (dead: readonly DeadLetter[]) => {
    calls.push(ids(dead.map(({ row }) => row)))
    return new Promise<void>((resolve) => handed.push(resolve))
  }
  const { flow, driver } = dropping({ flushSize: 2, bufferSize: 6, deadLetter })
  await flow.submitMany(users, usersFrom(1, 6))
  let accepted = 0
  for (const row of usersFrom(7, 3)) void flow.submit(users, row).then(() => accepted++)
  await settled()
  assert.equal(calls, [[3]])
  assert.is(accepted, 0, 'dropped rows keep their place until they are taken')
  let flushed = false
  void flow.flush().then(() => (flushed = true))
  handed[0]!()
  await settled()
  assert.is(accepted, 1)
  assert.equal(calls, [[3], [4, 5]])
  handed[1]!()
  await settled()
  assert.is(accepted, 3)
  assert.not.ok(flushed)
  const closed = flow.close()
  for (let i = 0; i < driver.runs.length; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  const { committed, failed } = await closed
  assert.equal({ committed, failed, flushed }, { committed: 6, failed: 3, flushed: true })
})

test('drop-oldest: a stream waits, and is let in before whoever came after it and would not', async () => {
  const { flow, letters } = dropping()
  await flow.submitMany(users, usersFrom(1, 4))
  const stream = flow.writable(users)
  stream.write(user(5))
  await settled()
  assert.equal(letters, [])
  await flow.submit(users, user(6))
  assert.equal(ids(letters.map(({ row }) => row)), [3, 4])
  assert.is(stream.writableLength, 0)
})

test('drop-oldest: a row that fits beside nothing drops nothing', async () => {
  const { flow, letters } = dropping({ flushSize: 2, bufferSize: 100, flushBytes: 1e5, bufferBytes: 1e5 })
  await flow.submitMany(users, [large(1, 30_000), large(2, 30_000), large(3, 10_000)])
  assert.not.ok(flow.trySubmit(users, large(4, 50_000)))
  assert.equal(letters, [])
  assert.ok(flow.trySubmit(users, large(5, 35_000)))
  assert.equal(ids(letters.map(({ row }) => row)), [3])
})

/** A row that hands over `next` when it is read the first time after `accepted()`. */
function submittingOnce(flow: BatchFlow, id: number, next: User) {
  let accepted = false
  const row = {
    id,
    get name() {
      if (accepted) {
        accepted = false
        flow.trySubmit(users, next)
      }
      return 'x'
    },
  }
  return { row, accepted: () => (accepted = true) }
}

test('drop-oldest: a getter that submits as its row is about to be dropped loses no row, and no count', async () => {
  for (const flushSize of [2, 3]) {
    const { flow, driver, letters } = dropping({ flushSize, bufferSize: 2 * flushSize })
    await flow.submitMany(users, usersFrom(1, flushSize)) // in flight
    const { row, accepted } = submittingOnce(flow, 10, user(20))
    await flow.submitMany(users, [row, ...usersFrom(11, flushSize - 1)])
    accepted()
    assert.ok(flow.trySubmit(users, user(30)))
    assert.equal(ids(letters.map((letter) => letter.row)), [10])
    const closed = flow.close()
    for (let i = 0; i < driver.runs.length; i++) {
      driver.runs[i]!.succeed()
      await settled()
    }
    const { committed, failed } = await closed
    assert.equal({ committed, failed }, { committed: 2 * flushSize, failed: 1 })
    assert.is(flow.stats().bytes, 0)
  }
})

test('drop-oldest: receivers that hand over dropped rows again and again keep nobody busy for ever', async () => {
  const { flow, driver } = dropping({ bufferSize: 6 })
  const told: number[] = []
  let next = 1
  const deliver = (): void => {
    const id = next++
    const receiver = {
      committed: () => void told.push(id),
      failed: () => {
        told.push(id)
        if (next < 1000) deliver()
      },
    }
    void flow.deliver(users, user(id), receiver)
  }
  for (let i = 0; i < 12; i++) deliver()
  await settled()
  assert.ok(next < 50, `${next} rows for 12`)
  for (let i = 0; i < driver.runs.length; i++) {
    const { accepted, committed, failed, unsettled } = flow.stats()
    assert.is(accepted, committed + failed + unsettled)
    driver.runs[i]!.succeed()
    await settled()
    if (i === driver.runs.length - 1) void flow.flush()
  }
  const { committed, failed } = await flow.close()
  assert.is(committed, 12)
  assert.equal([told.length, new Set(told).size], [committed + failed, next - 1], 'everybody is told, once')
})

test('rows that a failing handler was given are kept within bufferBytes', async () => {
  const deadLetter = () => {
    throw new Error('disk full')
  }
  const { flow, driver } = rig({ flushSize: 1, flushBytes: 1e4, bufferBytes: 1e4, deadLetter })
  for (let id = 0; id < 5; id++) {
    const write = thrownBy(() => flow.write(users, large(id, 4000)))
    driver.runs[id]!.fail(new Error('no'))
    await write
  }
  assert.is((await flow.close()).undelivered.length, 2)
})

/** Rows of 100 kB to a database that never answers, in a heap of 512 MB. */
const HOARD = `
import { BatchFlow, createExecutor, defineTable } from './src/index.ts'
const overflow = process.argv[1]
const executor = createExecutor({ name: 'gone', plan: () => ({ name: 'INSERT', text: '' }), run: () => new Promise(() => {}) })
const flow = new BatchFlow(executor.withConcurrencyLimit(8), { overflow })
const table = defineTable('t', { columns: ['id', 'text'] })
let accepted = 0
process.on('warning', () => {})
const timer = setTimeout(() => process.stdout.write(accepted + ' accepted', () => process.exit(0)), 1000)
for (let id = 0; id < 20_000; id++) {
  await flow.submit(table, { id, text: Buffer.alloc(100_000, id).toString('latin1') })
  accepted++
}
clearTimeout(timer)
process.stdout.write(accepted + ' accepted', () => process.exit(0))
`

for (const overflow of ['wait', 'drop-oldest']) {
  test(`with the database gone and rows of 100 kB a small heap survives: ${overflow}`, async () => {
    const args = [
      '--max-old-space-size=512',
      '--no-warnings',
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      HOARD,
      overflow,
    ]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const accepted = Number.parseInt(stdout, 10)
    assert.ok(accepted >= 1000, stdout)
    if (overflow === 'wait') assert.ok(accepted < 3000, stdout)
    else assert.is(accepted, 20_000)
  })
}

test('rows of writeMany that make room fail one by one, those behind them do not', async () => {
  const { flow, driver } = rig({ flushSize: 4, bufferSize: 5, overflow: 'drop-oldest' }, (executor) =>
    executor.withConcurrencyLimit(1),
  )
  const outcome = flow.writeMany(users, usersFrom(1, 3))
  void flow.flush()
  await settled()
  const others = flow.writeMany(users, usersFrom(10, 3))
  void flow.flush()
  await flow.submit(users, user(20))
  for (let i = 0; i < 2; i++) {
    driver.runs[i]!.succeed()
    await settled()
  }
  const said = async (results: Promise<PromiseSettledResult<unknown>[]>) =>
    (await results).map(({ status }) => status[0])
  assert.equal(await said(outcome), ['f', 'f', 'f'])
  assert.equal(await said(others), ['r', 'r', 'f'])
  assert.equal(ids(driver.runs[1]!.rows), [12, 20])
})

test.run()
