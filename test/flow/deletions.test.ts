import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deletion, isDeletion } from '../../src/contract/deletion.ts'
import { AttemptError } from '../../src/contract/driver.ts'
import { InvalidRowError, RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { committing, MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { RecordingReporter } from '../support/engine/recording-reporter.ts'
import { people, type User, updated, users, type Versioned } from '../support/engine/tables.ts'

const test = suite('deletions in a flow')
const columns = ['id', 'name', 'email'] as const
const versioned = defineTable<Versioned>('versioned', {
  columns: [...columns, 'version'],
  onConflict: { action: 'update', keys: ['id'], newer: 'version' },
  deletes: true,
})

test('a deletion is a frozen object of its key, told apart from rows, as are copies of it', () => {
  const gone = deletion({ id: 1, __proto__: null })
  assert.ok(Object.isFrozen(gone))
  assert.equal(Object.keys(gone), ['id'])
  assert.ok(isDeletion(gone))
  assert.ok(isDeletion({ ...gone }))
  assert.not.ok(isDeletion({ id: 1 }))
  assert.not.ok(isDeletion(structuredClone(gone)), 'as the guide says')
})

test('a table says whether it takes deletions; it needs keys for that', () => {
  assert.is(updated.deletes, undefined)
  assert.equal(versioned.deletes, ['id', 'version'])
  assert.not.equal(people.id, updated.id)
  for (const onConflict of [undefined, { action: 'ignore' } as const]) {
    const define = () => defineTable<User>('u', { columns, deletes: true, ...(onConflict && { onConflict }) })
    assert.throws(
      define,
      (error: unknown) => error instanceof OptionError && /deletes needs onConflict with keys/.test(error.message),
    )
  }
})

test('deletions that a table does not take are refused, and counted', async () => {
  const { flow } = rig()
  const refused = async (call: Promise<unknown>, text: RegExp) => {
    const error = await call.catch((thrown: unknown) => thrown)
    assert.instance(error, InvalidRowError)
    assert.match((error as Error).message, text)
  }
  const none = /table "\w+" takes no deletions: define it with deletes: true/
  await refused(flow.delete(updated, { id: 1 }), none)
  await refused(flow.submit(users, deletion({ id: 1 })), none)
  assert.throws(() => flow.trySubmit(users, deletion({ id: 1 })), none)
  const whole = /a deletion of table "versioned" must have id, version, each with a value, and nothing else/
  await refused(flow.delete(versioned, { id: 1 }), whole)
  await refused(flow.delete(versioned, { id: 1, version: null }), whole)
  await refused(flow.delete(versioned, { id: 1, version: 1, name: 'Ada' }), whole)
  await refused(flow.delete(versioned, null as never), whole)
  await refused(flow.submit(versioned, { ...deletion({ id: 1 }) } as never), whole)
  assert.throws(() => flow.trySubmit(versioned, { ...deletion({ id: 1 }) } as never), whole)
  assert.is(flow.stats().rejected, 9)
  assert.is(flow.stats().accepted, 0)
})

test('rows and deletions of one batch go in two operations, deletions first', async () => {
  const { flow, driver } = rig()
  const written = flow.writeMany(people, [{ id: 1, name: 'Ada' }, deletion({ id: 2 }), { id: 3 }])
  const deleted = flow.deleteMany(people, [{ id: 4 }, { id: 1 }])
  await settled()
  const flushed = flow.flush()
  const [first] = driver.runs
  assert.equal(first!.batch.columns, people.deletes)
  assert.equal(
    first!.rows,
    [1, 2, 4].map((id) => deletion({ id })),
  )
  first!.succeed([{ index: 1, error: new MemoryError('constraint') }])
  await settled()
  assert.equal(driver.runs[1]!.rows, [{ id: 3 }])
  assert.not.ok(driver.runs[1]!.batch.deletions)
  driver.runs[1]!.succeed()
  await flushed
  const statuses = [...(await written), ...(await deleted)].map(({ status }) => status)
  assert.equal(statuses, ['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'])
  const { committed, failed, deleted: gone } = flow.stats()
  assert.equal({ committed, failed, gone }, { committed: 4, failed: 1, gone: 2 })
})

test('what is deleted is reported', async () => {
  const reporter = new RecordingReporter()
  const { flow } = rig({}, (executor) => executor.withMetricsReporter(reporter), committing())
  const written = [flow.delete(people, { id: 1 }), flow.write(people, { id: 2 }), flow.delete(people, { id: 2 })]
  await flow.flush()
  await Promise.all(written)
  assert.equal(reporter.of('countDeleted'), [[2]])
  assert.equal(reporter.of('countCoalesced'), [['update', 1]])
})

test("rows that a deletion takes the place of count as coalesced, with a clause of one's own, too", async () => {
  const reporter = new RecordingReporter()
  const { flow } = rig({}, (executor) => executor.withMetricsReporter(reporter), committing())
  const own = defineTable<User>('own', {
    columns,
    onConflict: { action: 'sql', keys: ['id'], sql: 'ON CONFLICT DO NOTHING' },
    deletes: true,
  })
  await flow.submitMany(own, [{ id: 1 }, deletion({ id: 1 })])
  await flow.flush()
  assert.equal(reporter.of('countCoalesced'), [['replace', 1]])
})

test('a deletion is repeated where a sum would not be, and counts nothing as superseded', async () => {
  const sums = defineTable<Versioned>('sums', {
    columns: ['id', 'version'],
    onConflict: { action: 'update', keys: ['id'], set: { version: 'add' } },
    deletes: true,
  })
  const { flow, driver, clock } = rig({}, (executor) => executor.withRetry({ onAmbiguous: 'fail', backoffBase: 1 }))
  const deleted = flow.delete(sums, { id: 1 })
  void flow.flush()
  driver.runs[0]!.fail(new AttemptError(new MemoryError('connection'), { ambiguous: true }))
  await settled()
  await clock.advance(10)
  driver.runs[1]!.succeed([], 1)
  await deleted
  assert.is(flow.stats().superseded, 0)
})

test('a driver that knows of no deletions is given none', async () => {
  class Old extends MemoryDriver {
    override readonly deletes = false
  }
  const driver = new Old((run) => run.succeed())
  const executor = createExecutor(driver)
  const { committed, failed } = await executor.write(people, [deletion({ id: 1 }), { id: 2 }])
  assert.is(committed, 1)
  const [{ error, row }] = failed as [(typeof failed)[0]]
  assert.instance(error, RowFailedError)
  assert.match(((error as Error).cause as Error).message, 'the memory driver carries out no deletions')
  assert.ok(isDeletion(row))
  assert.equal(driver.committed, [{ id: 2 }])
})

test('previews show both operations', async () => {
  const { operations, rows, coalesced } = await createExecutor(committing()).preview(people, [
    { id: 1 },
    deletion({ id: 1 }),
    deletion({ id: 2 }),
    { id: 3, name: 'Ada', email: 'ada@example.org' },
  ])
  assert.equal(
    operations.map((operation) => [operation.rows, operation.arguments]),
    [
      [2, 2],
      [1, 3],
    ],
  )
  assert.equal({ rows, coalesced }, { rows: 3, coalesced: 1 })
})

test('a stream carries deletions', async () => {
  const driver = committing()
  const flow = new BatchFlow(createExecutor(driver))
  const stream = flow.writable(people)
  stream.write({ id: 1 })
  stream.end(deletion({ id: 2 }))
  await new Promise<void>((resolve, reject) => stream.on('finish', resolve).on('error', reject))
  await flow.close()
  assert.equal(driver.committed, [deletion({ id: 2 }), { id: 1 }])
})

test.run()
