import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deletion } from '../../src/contract/deletion.ts'
import { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import {
  ManualClock,
  MemoryDatabase,
  MemoryDatabaseError,
  RecordingReporter,
  settled,
} from '../../src/testing/index.ts'

interface User {
  id: number
  name?: string | null
  email?: string | null
}

const columns = ['id', 'name', 'email'] as const
const plain = defineTable<User>('users', { columns })
const updated = defineTable<User>('users', { columns, onConflict: { action: 'update', keys: ['id'] } })
const replaced = defineTable<User>('users', { columns, onConflict: { action: 'replace', keys: ['id'] } })
const ignored = defineTable<User>('users', { columns, onConflict: { action: 'ignore', keys: ['id'] } })

const memory = suite('MemoryDatabase')

memory('keeps what is committed, absent properties as NULL, in the order rows came', async () => {
  const database = new MemoryDatabase()
  const flow = new BatchFlow(database.executor())
  await flow.submitMany(plain, [{ id: 2, name: 'b' }, { id: 1 }])
  await flow.close()
  assert.equal(database.rows(plain), [
    { id: 2, name: 'b', email: null },
    { id: 1, name: null, email: null },
  ])
})

memory('a conflict clause is for databases that speak SQL', async () => {
  const onConflict = { action: 'sql', keys: ['id'], sql: 'ON CONFLICT DO NOTHING' } as const
  const flow = new BatchFlow(new MemoryDatabase().executor())
  const written = flow.write(defineTable<User>('users', { columns, onConflict }), { id: 1 })
  void flow.flush()
  const error = await written.catch((thrown: RowFailedError) => thrown.cause)
  assert.is((error as Error).message, 'table "users": onConflict.sql is for databases that speak SQL')
  await flow.close()
})

memory('deletes rows by their keys, but for those that are newer', async () => {
  const people = defineTable<User & { version: number }>('people', {
    columns: [...columns, 'version'],
    onConflict: { action: 'update', keys: ['id'], newer: 'version' },
    deletes: true,
  })
  const database = new MemoryDatabase()
  database.insert(people, { id: 1, version: 1 }, { id: 2, version: 2 }, { id: 3, version: 3 })
  const flow = new BatchFlow(database.executor())
  const written = flow.writeMany(people, [deletion({ id: 3, version: 2 }), { id: 4, version: 1 }])
  await flow.delete(people, { id: 1, version: 1 })
  await Promise.all([
    written,
    flow.deleteMany(people, [
      { id: 2, version: 2 },
      { id: 9, version: 9 },
    ]),
  ])
  await flow.write(people, { id: 1, name: 'anew', version: 0 })
  await flow.close()
  assert.equal(
    database.rows(people).map(({ id, name }) => [id, name]),
    [
      [3, null],
      [4, null],
      [1, 'anew'],
    ],
  )
})

memory('rows that are looked at are copies', async () => {
  const database = new MemoryDatabase()
  database.insert(plain, { id: 1, name: 'a' })
  database.rows(plain)[0]!.name = 'changed'
  assert.is(database.rows(plain)[0]!.name, 'a')
})

memory('columns are combined as onConflict says', async () => {
  const set = { hits: 'add', last: 'max', first: 'min', note: 'keep' } as const
  const tallies = defineTable<Record<string, unknown>>('tallies', {
    columns: ['id', ...Object.keys(set)],
    onConflict: { action: 'update', keys: ['id'], set },
  })
  const database = new MemoryDatabase()
  database.insert(tallies, { id: 1, hits: 1, last: 'b', note: 'old' })
  for (const row of [
    { id: 1, hits: 2, last: 'C', first: 2, note: 'new' },
    { id: 1, hits: null, last: 'a', first: 1 },
    { id: 1, hits: '0.5', first: 3 },
  ]) {
    const flow = new BatchFlow(database.executor())
    await flow.submit(tallies, row)
    await flow.close()
  }
  assert.equal(database.rows(tallies), [{ id: 1, hits: '3.5', last: 'b', first: 1, note: 'old' }])
})

memory('rows that conflict do what onConflict says', async () => {
  const cases = [
    [updated, { id: 1, name: 'new', email: 'old' }],
    [replaced, { id: 1, name: 'new', email: null }],
    [ignored, { id: 1, name: 'old', email: 'old' }],
  ] as const
  for (const [table, expected] of cases) {
    const database = new MemoryDatabase()
    database.insert(plain, { id: 1, name: 'old', email: 'old' })
    const flow = new BatchFlow(database.executor())
    await flow.submit(table, { id: 1, name: 'new' })
    await flow.close()
    assert.equal(database.rows(table), [expected], table.action)
  }
})

memory('with newer a row that is not newer changes nothing', async () => {
  const versioned = defineTable<User & { version: number }>('users', {
    columns: ['id', 'name', 'version'],
    onConflict: { action: 'update', keys: ['id'], newer: 'version' },
  })
  const database = new MemoryDatabase()
  database.insert(versioned, { id: 1, name: 'nine', version: 9 })
  const flow = new BatchFlow(database.executor())
  await flow.write(versioned, { id: 1, name: 'eight', version: 8 })
  await flow.write(versioned, { id: 1, version: 10 })
  await flow.close()
  assert.equal(database.rows(versioned), [{ id: 1, name: 'nine', version: 10 }])
})

memory('an explicit NULL is written by an update, an absent property is not', async () => {
  const database = new MemoryDatabase()
  database.insert(updated, { id: 1, name: 'a', email: 'b' })
  const flow = new BatchFlow(database.executor())
  await flow.write(updated, { id: 1, name: null })
  await flow.close()
  assert.equal(database.rows(updated), [{ id: 1, name: null, email: 'b' }])
})

memory('a unique key refuses the second row alone', async () => {
  const database = new MemoryDatabase()
  database.unique(plain, 'email')
  const flow = new BatchFlow(database.executor())
  const results = await flow.writeMany(plain, [
    { id: 1, email: 'a' },
    { id: 2, email: 'a' },
    { id: 3, email: null },
    { id: 4, email: null },
  ])
  await flow.close()
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
  const { reason } = results[1] as PromiseRejectedResult
  assert.instance(reason, RowFailedError)
  assert.is(reason.reason, 'duplicate_key')
  assert.instance(reason.cause, MemoryDatabaseError)
  assert.equal(
    database.rows(plain).map(({ id }) => id),
    [1, 3, 4],
  )
})

memory('an update that meets another unique row fails, and a row may keep its own', async () => {
  const database = new MemoryDatabase()
  database.unique(updated, 'email')
  database.insert(updated, { id: 1, email: 'a' }, { id: 2, email: 'b' })
  const flow = new BatchFlow(database.executor())
  const results = await flow.writeMany(updated, [
    { id: 1, email: 'a', name: 'same' },
    { id: 2, email: 'a' },
  ])
  await flow.close()
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

memory('a refusal is lifted again, and others stay', async () => {
  const database = new MemoryDatabase()
  const lift = database.refuse(plain, ({ id }) => (id === 1 ? 'constraint' : undefined))
  database.refuse(plain, ({ id }) => (id === 2 ? 'constraint' : undefined))
  lift()
  const flow = new BatchFlow(database.executor())
  const results = await flow.writeMany(plain, [{ id: 1 }, { id: 2 }])
  await flow.close()
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

memory('without isolation a bad row fails its whole batch, and nothing of it stays', async () => {
  const database = new MemoryDatabase()
  database.refuse(plain, ({ id }) => (id === 2 ? 'constraint' : undefined))
  const flow = new BatchFlow(database.executor().withIsolation(false))
  const results = await flow.writeMany(plain, [{ id: 1 }, { id: 2 }, { id: 3 }])
  await flow.close()
  assert.ok(results.every(({ status }) => status === 'rejected'))
  assert.equal(database.rows(plain), [])
})

memory('attempts fail as often as they are told to, and the executor repeats them', async () => {
  const database = new MemoryDatabase()
  const clock = new ManualClock()
  database.fail('deadlock', { times: 2 })
  const flow = new BatchFlow(database.executor(), { clock })
  const written = flow.write(plain, { id: 1 })
  await clock.advance(10_000)
  assert.is((await written).attempts, 3)
  await flow.close()
  assert.equal(
    database.attempts.map(({ reason }) => reason),
    ['deadlock', 'deadlock', undefined],
  )
})

memory('a fault of one table leaves others alone', async () => {
  const database = new MemoryDatabase()
  const other = defineTable<{ id: number }>('others', { columns: ['id'] })
  database.fail('permission', { table: other })
  const flow = new BatchFlow(database.executor())
  const [user, refused] = await Promise.allSettled([flow.write(plain, { id: 1 }), flow.write(other, { id: 1 })])
  await flow.close()
  assert.is(user.status, 'fulfilled')
  assert.is((refused as PromiseRejectedResult).reason.fault, 'place')
})

memory('an answer that is lost leaves the rows there, and nobody knows', async () => {
  const database = new MemoryDatabase()
  database.fail('connection', { committed: true })
  const flow = new BatchFlow(database.executor().withRetry({ onAmbiguous: 'fail' }))
  const [result] = await flow.writeMany(plain, [{ id: 1 }])
  await flow.close()
  assert.is((result as PromiseRejectedResult).reason.ambiguous, true)
  assert.is(database.rows(plain).length, 1)
})

memory('an outage is waited out', async () => {
  const database = new MemoryDatabase()
  const clock = new ManualClock()
  const flow = new BatchFlow(database.executor(), { clock })
  database.leave()
  const written = flow.write(plain, { id: 1 })
  await clock.advance(10_000)
  assert.is(flow.stats().state, 'paused')
  database.back()
  await clock.advance(10_000)
  await written
  assert.is(flow.stats().state, 'open')
  await flow.close()
})

memory('attempts that are held go on when they are released', async () => {
  const database = new MemoryDatabase()
  const flow = new BatchFlow(database.executor(), { flushSize: 1 })
  database.hold()
  const written = flow.write(plain, { id: 1 })
  await settled()
  assert.equal(database.rows(plain), [])
  assert.is(flow.stats().inFlight, 1)
  database.release()
  await written
  await flow.close()
})

memory('an attempt that is held ends with its time limit, and its row is not there', async () => {
  const database = new MemoryDatabase()
  const clock = new ManualClock()
  const executor = database.executor().withTimeout(1000).withRetry(false)
  const flow = new BatchFlow(executor, { clock, flushSize: 1 })
  database.hold()
  const written = flow.writeMany(plain, [{ id: 1 }])
  await clock.advance(1000)
  const [result] = await written
  assert.is((result as PromiseRejectedResult).reason.reason, 'processor_timeout')
  database.release()
  await flow.close()
  assert.equal(database.rows(plain), [])
})

memory('clear() forgets rows and faults, and keeps what a table is', async () => {
  const database = new MemoryDatabase()
  database.unique(plain, 'id')
  database.insert(plain, { id: 1 })
  database.fail('deadlock')
  database.leave()
  database.clear()
  const flow = new BatchFlow(database.executor().withRetry(false))
  const results = await flow.writeMany(plain, [{ id: 1 }, { id: 1 }])
  await flow.close()
  assert.equal(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.is(database.attempts.length, 1)
})

memory('a reporter writes down what it is told', async () => {
  const reporter = new RecordingReporter()
  const flow = new BatchFlow(new MemoryDatabase().executor().withMetricsReporter(reporter))
  await flow.write(plain, { id: 1 })
  await flow.close()
  assert.equal(reporter.of('countRecords'), [['success', 1]])
  assert.is(reporter.closed, 1)
})

memory.run()
