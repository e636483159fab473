import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import type { FlowStats } from '../../src/flow/stats.ts'
import { thrownBy } from '../support/assertions.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { committing, MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('stats')

const NOTHING = {
  queued: 0,
  inFlight: 0,
  unsettled: 0,
  accepted: 0,
  committed: 0,
  failed: 0,
  deadLettered: 0,
  abandoned: 0,
  superseded: 0,
  deleted: 0,
  rejected: 0,
  retried: 0,
  lastCommitAt: undefined,
}

function counts({ state, room, bytes, outage, tables, ...counts }: FlowStats) {
  return counts
}

test('a new flow has nothing but room', () => {
  const { flow } = rig({ bufferSize: 500 })
  assert.equal(flow.stats(), { state: 'open', ...NOTHING, room: 500, bytes: 0, outage: undefined, tables: {} })
})

test('rows are queued, in flight, then settled, by table and in all', async () => {
  const { flow, driver } = rig({ flushSize: 4, bufferSize: 10, deadLetter: () => {} })
  await flow.submitMany(users, usersFrom(1, 5))
  await flow.submitMany(updated, [user(1), user(1)])
  const stats = flow.stats()
  assert.equal(stats.tables['users'], { ...NOTHING, queued: 1, inFlight: 4, unsettled: 5, accepted: 5 })
  assert.equal(stats.tables['updated'], { ...NOTHING, queued: 2, unsettled: 2, accepted: 2 })
  assert.equal(counts(stats), { ...NOTHING, queued: 3, inFlight: 4, unsettled: 7, accepted: 7 })
  assert.is(stats.room, 3)
  assert.ok(stats.bytes > 100, `${stats.bytes} bytes`)
  driver.runs[0]!.succeed([{ index: 1, error: new MemoryError('constraint') }])
  await settled()
  const { lastCommitAt, ...after } = flow.stats().tables['users']!
  assert.equal(
    { ...NOTHING, ...after, lastCommitAt: undefined },
    {
      ...NOTHING,
      queued: 1,
      unsettled: 1,
      accepted: 5,
      committed: 3,
      failed: 1,
      deadLettered: 1,
    },
  )
  const close = flow.close()
  assert.is(flow.stats().state, 'closing')
  assert.is(flow.stats().room, 0)
  for (const run of driver.runs.slice(1)) run.succeed()
  const { committed, failed } = await close
  assert.equal([flow.stats().state, committed, failed], ['closed', 6, 1])
  assert.is(flow.stats().unsettled, 0)
})

test('it is frozen, and goes through JSON', () => {
  const { flow } = rig()
  flow.trySubmit(users, user(1))
  const stats = flow.stats()
  for (const part of [stats, stats.tables, stats.tables['users']]) assert.ok(Object.isFrozen(part))
  assert.is(JSON.parse(JSON.stringify(stats)).tables.users.queued, 1)
})

test('rows refused are counted once each, whatever refused them', async () => {
  const { flow } = rig({ flushSize: 2, bufferSize: 2 })
  await flow.submitMany(users, usersFrom(1, 2))
  assert.not.ok(flow.trySubmit(users, user(3)))
  await thrownBy(() => flow.submit(users, null as never))
  await thrownBy(() => flow.submit(users, user(4), { signal: AbortSignal.abort() }))
  const controller = new AbortController()
  const waiting = thrownBy(() => flow.submit(users, user(5), { signal: controller.signal }))
  controller.abort()
  await waiting
  void flow.close()
  await thrownBy(() => flow.submit(users, user(6)))
  assert.is(flow.stats().rejected, 5)
  assert.is(flow.stats().tables['users']!.rejected, 5)
})

test('repeated attempts count at once, and stay counted', async () => {
  const { flow, driver, clock } = rig({ flushSize: 1 }, (executor) => executor.withRetry({ maxAttempts: 3 }))
  await flow.submit(users, user(1))
  for (const retried of [1, 2]) {
    driver.runs.at(-1)!.fail(new MemoryError('deadlock'))
    await settled()
    assert.is(flow.stats().retried, retried)
    assert.is(flow.stats().tables['users']!.retried, retried)
    await clock.advance(1000)
  }
  driver.runs.at(-1)!.succeed()
  await flow.close()
  assert.is(flow.stats().retried, 2)
})

test('a dead letter counts when the handler has it', async () => {
  for (const [deadLetter, taken] of [
    [() => {}, 3],
    [() => assert.unreachable('the queue is down'), 0],
  ] as const) {
    const { flow, driver } = rig({ flushSize: 2, deadLetter })
    process.once('warning', () => {})
    await flow.submitMany(updated, [user(1), user(1), user(2)])
    driver.runs[0]!.fail(new MemoryError('permission'))
    await flow.close()
    const { failed, deadLettered } = flow.stats()
    assert.equal([failed, deadLettered], [3, taken], 'merged rows count as themselves')
  }
})

test('commits are noted from the first call on, and only then is the time asked for', async () => {
  const { flow } = rig({ flushSize: 1 }, undefined, committing())
  const { now } = Date
  let reads = 0
  Date.now = () => 1000 + reads++
  try {
    await flow.submit(users, user(1))
    await settled()
    assert.is(reads, 0)
    assert.is(flow.stats().lastCommitAt, undefined)
    await flow.submit(users, user(2))
    await settled()
    await flow.submit(updated, user(2))
    await settled()
    const { lastCommitAt, tables } = flow.stats()
    assert.equal([lastCommitAt, tables['users']!.lastCommitAt, tables['updated']!.lastCommitAt], [1001, 1000, 1001])
  } finally {
    Date.now = now
  }
  await flow.close()
})

test('an outage pauses a flow that is open, and is told of while it closes', async () => {
  const driver = new MemoryDriver()
  const executor = createExecutor(driver)
  const flow = new BatchFlow(executor, { flushSize: 1 })
  const outage = { since: 12, reason: 'connection', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }
  Object.defineProperty(executor.slots, 'outage', { value: outage, configurable: true })
  assert.equal([flow.stats().state, flow.stats().outage], ['paused', outage])
  await flow.submit(users, user(1))
  const close = flow.close()
  assert.equal([flow.stats().state, flow.stats().outage], ['closing', outage])
  Object.defineProperty(executor.slots, 'outage', { value: undefined })
  driver.runs[0]!.succeed()
  await close
  assert.equal([flow.stats().state, flow.stats().outage], ['closed', undefined])
})

test('two definitions of one table are one, and a table may have any name', async () => {
  const { flow } = rig({ flushSize: 10 })
  const names = ['users', '__proto__', 'constructor']
  for (const name of names) {
    for (const columns of [['id'], ['id', 'name']] as const) {
      flow.trySubmit(defineTable<{ id: number; name: string }>(name, { columns: [...columns] }), user(1) as never)
    }
  }
  const { tables } = flow.stats()
  assert.equal(
    Object.entries(tables).map(([name, { queued }]) => [name, queued]),
    names.map((name) => [name, 2]),
  )
})

test('sums keep what became of rows whose table was forgotten', async () => {
  const { flow } = rig({ flushSize: 1 }, undefined, committing())
  for (let i = 0; i < 1200; i++) {
    await flow.submit(defineTable<{ id: number }>(`t${i}`, { columns: ['id'] }), { id: i })
    if (i % 100 === 0) await settled()
  }
  await settled()
  const { accepted, committed, tables } = flow.stats()
  assert.equal([accepted, committed], [1200, 1200])
  assert.ok(Object.keys(tables).length < 1200)
  assert.is((await flow.close()).committed, 1200)
})

test('whoever asks in the middle of things finds every row accounted for', async () => {
  const seen: FlowStats[] = []
  class Asking extends RecordingReporter {
    override open(probe: Parameters<RecordingReporter['open']>[0]) {
      const metrics = super.open(probe)
      const ask = () => () => void seen.push(flow.stats())
      return { ...metrics, table: () => new Proxy<never>({} as never, { get: ask }) }
    }
  }
  const driver = new MemoryDriver((run) => {
    seen.push(flow.stats())
    run.succeed([{ index: 0, error: new MemoryError('constraint') }])
  })
  const options = { flushSize: 2, bufferSize: 4, deadLetter: () => void seen.push(flow.stats()) }
  const { flow } = rig(options, (executor) => executor.withMetricsReporter(new Asking()), driver)
  for (let i = 0; i < 12; i++) {
    await flow.submit(i % 3 === 0 ? updated : users, user(i))
    seen.push(flow.stats())
  }
  await flow.close()
  assert.ok(seen.length > 50)
  for (const { accepted, committed, failed, unsettled, deadLettered, tables } of seen) {
    assert.is(accepted, committed + failed + unsettled)
    assert.ok(deadLettered <= failed && unsettled >= 0 && unsettled <= 5)
    const byTable = Object.values(tables).reduce((sum, table) => sum + table.accepted, 0)
    assert.is(byTable, accepted)
  }
  const accepted = seen.map((stats) => stats.accepted)
  assert.equal(
    accepted,
    [...accepted].sort((a, b) => a - b),
    'it only grows',
  )
})

test.run()
