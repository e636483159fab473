import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { registerErrorClassifier } from '../../src/executor/classify.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('preview')

test('tells the operation of a batch, and runs nothing', async () => {
  const driver = new MemoryDriver()
  const preview = await createExecutor(driver).preview(users, usersFrom(1, 3))
  assert.equal(preview, {
    table: 'users',
    rows: 3,
    coalesced: 0,
    operations: [{ name: 'INSERT', text: 'INSERT INTO users', rows: 3, arguments: 9, fingerprint: '3575989d68242b0e' }],
  })
  assert.is(driver.runs.length, 0)
  assert.is(driver.released, driver.planned)
})

test('merges rows and sorts them by shape as a batch would', async () => {
  const rows = [user(1), user(1), { id: 2, name: 'two' }, { id: null }, { id: null }]
  const { operations, ...counts } = await createExecutor(new MemoryDriver()).preview(updated, rows)
  assert.equal(counts, { table: 'updated', rows: 4, coalesced: 1 })
  assert.equal(
    operations.map(({ rows, arguments: count }) => [rows, count]),
    [
      [1, 3],
      [1, 2],
      [2, 2],
    ],
  )
})

test('shows values only when asked', async () => {
  const executor = createExecutor(new MemoryDriver())
  const { operations } = await executor.preview(users, [user(1)], { values: true })
  assert.equal(operations[0]!.values, [[1, 'user 1', '1@example.org']])
  assert.not.ok(JSON.stringify(await executor.preview(users, [user(1)])).includes('user 1'))
})

test('no rows, no operation', async () => {
  assert.equal((await createExecutor(new MemoryDriver()).preview(updated, [])).operations, [])
})

test('registered classifiers are asked, the last one first, until they are taken back', async () => {
  const reasonOf = async () => {
    const { flow, driver } = rig({ flushSize: 1 })
    const write = flow.write(users, user(1)).catch((error) => error.reason)
    driver.runs[0]!.fail(new MemoryError('permission'))
    return write
  }
  const forget = [
    registerErrorClassifier(() => ({ reason: 'first' })),
    registerErrorClassifier(() => ({ reason: 'second' })),
    registerErrorClassifier(() => undefined),
  ]
  assert.is(await reasonOf(), 'second')
  forget[1]!()
  assert.is(await reasonOf(), 'first')
  for (const take of forget) take()
  assert.is(await reasonOf(), 'permission')
})

test.run()
