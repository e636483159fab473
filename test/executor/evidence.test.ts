import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError, type Driver } from '../../src/contract/driver.ts'
import type { RowFailedError } from '../../src/contract/errors.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { MemoryDriver, MemoryError, type Run } from '../support/engine/memory-driver.ts'
import { type User, updated, user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('whose fault it is')

/** A database that refuses these rows, under a code that does not tell whose fault it is. */
function refusing(bad: readonly number[], probe: 'row' | 'place' | 'none'): MemoryDriver {
  const driver = new MemoryDriver((run: Run) => {
    const refused = run.rows.some((row) => bad.includes((row as User).id as number))
    if (refused) run.fail(new MemoryError('permission'))
    else run.succeed()
  })
  if (probe === 'none') Object.assign(driver, { probe: undefined })
  else driver.fault = probe
  return driver
}

async function write(driver: MemoryDriver, rows: number) {
  const flow = new BatchFlow(createExecutor(driver), { flushSize: rows })
  const results = await flow.writeMany(users, usersFrom(0, rows))
  await flow.close()
  const failed = results.flatMap((result, i) => (result.status === 'rejected' ? [[i, result.reason] as const] : []))
  return { failed: failed.map(([i]) => i), faults: failed.map(([, error]) => (error as RowFailedError).fault) }
}

test('an attempt of no row that succeeds shows that rows are at fault: they fail alone', async () => {
  const driver = refusing([3, 400], 'row')
  assert.equal(await write(driver, 500), { failed: [3, 400], faults: ['row', 'row'] })
  assert.is(driver.probes, 1, 'it is asked once a batch')
})

test('one that fails shows that the place is: the batch fails after one attempt', async () => {
  const driver = refusing(
    Array.from({ length: 500 }, (_, i) => i),
    'place',
  )
  const { failed, faults } = await write(driver, 500)
  assert.is(failed.length, 500)
  assert.equal(new Set(faults), new Set(['place']))
  assert.equal([driver.runs.length, driver.probes], [1, 1])
})

test('a driver that has found out is asked no more', async () => {
  for (const fault of ['place', 'row'] as const) {
    const driver = new MemoryDriver((run: Run) => run.fail(new AttemptError(new MemoryError('permission'), { fault })))
    const { faults } = await write(driver, 2)
    assert.equal(faults, [fault, fault])
    assert.equal([driver.runs.length, driver.probes], [fault === 'place' ? 1 : 3, 0])
  }
})

test('a driver that cannot attempt no row finds a few bad rows among good ones by halves', async () => {
  for (const bad of [[0], [499], [0, 1, 2, 3], [17, 300]]) {
    const { failed, faults } = await write(refusing(bad, 'none'), 500)
    assert.equal(failed, bad)
    assert.equal([...new Set(faults)], ['row'])
  }
})

test('and does not try each row of a table that takes none', async () => {
  const driver = refusing(
    Array.from({ length: 500 }, (_, i) => i),
    'none',
  )
  assert.is((await write(driver, 500)).failed.length, 500)
  assert.ok(driver.runs.length < 60, `${driver.runs.length} attempts`)
})

test('errors of a driver without a classifier are recognised by their codes and common texts', async () => {
  const reasonOf = async (error: Error) => {
    const driver: Driver = {
      name: 'custom',
      plan: () => ({ name: 'WRITE', text: 'WRITE' }),
      run: () => Promise.reject(error),
    }
    const flow = new BatchFlow(createExecutor(driver), { flushSize: 1 })
    const failed: RowFailedError = await flow.write(users, { id: 1 }).catch((thrown) => thrown)
    await flow.close()
    return failed.reason
  }
  assert.is(await reasonOf(Object.assign(new Error('no'), { code: 'ECONNREFUSED' })), 'connection')
  assert.is(await reasonOf(new Error('The connection was closed')), 'connection')
  assert.is(await reasonOf(new Error('request timed out')), 'timeout')
  assert.is(await reasonOf(new Error('duplicate key value')), 'duplicate_key')
  assert.is(await reasonOf(new Error('whatever')), 'unknown')
})

for (const nonsense of [{}, { reason: '' }, { reason: ' ' }, { reason: 7 }, 'timeout', null, true]) {
  test(`a classifier that says ${JSON.stringify(nonsense)} has no say`, async () => {
    const driver = refusing([0], 'row')
    const executor = createExecutor(driver).withErrorClassifier(() => nonsense as never)
    const flow = new BatchFlow(executor, { flushSize: 1 })
    const failed: RowFailedError = await flow.write(users, { id: 0 }).catch((thrown) => thrown)
    assert.is(failed.reason, 'permission')
    await flow.close()
  })
}

test('what took too long, or met an outage, is not held against rows because others of their batch were committed', async () => {
  for (const how of ['processor_timeout', 'timeout', 'outage'] as const) {
    const driver = new MemoryDriver((run: Run) => {
      if (run.batch.columns.includes('email')) run.succeed()
      else
        run.fail(
          how === 'outage'
            ? new AttemptError(new MemoryError('connection'), { unreachable: true })
            : new MemoryError(how),
        )
    })
    const executor = createExecutor(driver).withRetry({ maxAttempts: 2, backoffBase: 1, maxBackoff: 1, maxOutage: 1 })
    const flow = new BatchFlow(executor, { flushSize: 2 })
    const results = await flow.writeMany(updated, [user(1), { id: 2, name: 'two' } as never])
    await flow.close()
    assert.equal(
      results.map((result) => (result.status === 'rejected' ? (result.reason as RowFailedError).fault : 'committed')),
      ['committed', 'place'],
      how,
    )
  }
})

test.run()
