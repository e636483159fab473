import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Driver } from '../../src/contract/driver.ts'
import { RowFailedError, TableCheckError } from '../../src/contract/errors.ts'
import { defineTable, type Table } from '../../src/contract/table.ts'
import type { TableFacts } from '../../src/contract/table-facts.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { rig } from '../support/engine/flow.ts'
import { committing, type MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { updated, user, users } from '../support/engine/tables.ts'

const test = suite('check')

const FACTS: TableFacts = {
  columns: [
    { name: 'id', type: 'bigint', required: true },
    { name: 'name', type: 'text' },
    { name: 'email', type: 'text' },
  ],
  unique: [['id']],
  rights: [{ name: 'INSERT', granted: true }],
}

/** A driver that tells `facts`, and takes batches of no row. */
function telling(facts: TableFacts | undefined | Error): MemoryDriver & { asked: number } {
  const driver = Object.assign(committing(), {
    asked: 0,
    async inspect(): Promise<TableFacts | undefined> {
      driver.asked++
      if (facts instanceof Error) throw facts
      return facts
    },
  })
  driver.fault = 'row'
  return driver
}

function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

async function problemsOf(facts: TableFacts | undefined, table: Table = updated): Promise<readonly string[]> {
  const error = await failureOf(createExecutor(telling(facts)).check(table))
  assert.ok(error instanceof TableCheckError)
  assert.is(error.code, 'ERR_BATCHFLOW_CHECK')
  assert.is(error.table, table.name)
  for (const { text, remedy } of error.problems) assert.ok(error.message.includes(`${text} (${remedy})`))
  return error.problems.map(({ text }) => text)
}

test("a clause of one's own may go by another index than one over its keys", async () => {
  const onConflict = { action: 'sql', keys: ['id'], sql: 'ON CONFLICT ({id}) WHERE open DO NOTHING' } as const
  const table = defineTable<{ id: number }>('users', { columns: ['id'], onConflict })
  const findings = await createExecutor(telling({ ...FACTS, unique: [] })).check(table)
  assert.equal(
    findings.map(({ ok, text }) => [ok, text]),
    [
      [true, 'all of 1 column'],
      [undefined, 'no unique index over just id'],
      [true, 'the right to INSERT'],
      [true, 'a batch without rows goes through'],
    ],
  )
})

test('a table that fits: what was looked at, and that a batch without rows goes through', async () => {
  const findings = await createExecutor(telling(FACTS)).check(updated)
  assert.equal(
    findings.map(({ ok, text }) => [ok, text]),
    [
      [true, 'all of 3 columns'],
      [true, 'a unique index over id'],
      [true, 'the right to INSERT'],
      [true, 'a batch without rows goes through'],
    ],
  )
})

test('everything that is wrong is said at once, with what to do', async () => {
  const facts: TableFacts = {
    columns: [
      { name: 'id', type: 'bigint' },
      { name: 'email', type: 'text', generated: true },
      { name: 'tenant', type: 'text', required: true },
    ],
    unique: [['id', 'tenant'], ['email']],
    rights: [
      { name: 'INSERT', granted: false },
      { name: 'SELECT', granted: undefined },
    ],
  }
  assert.equal(await problemsOf(facts), [
    'there is no column name',
    'the database alone writes column email',
    'column tenant is NOT NULL, without a default, and not written',
    'there is no unique index over id',
    'the right to INSERT is missing',
  ])
})

test('a table that is not there', async () => {
  assert.equal(await problemsOf(undefined), ['there is no table updated'])
})

test('names that differ in case are one name where the database says so, and keys may come in any order', async () => {
  const table = defineTable<{ a: number; B: number }>('t', {
    columns: ['a', 'B'],
    onConflict: { action: 'ignore', keys: ['a', 'B'] },
  })
  const facts: TableFacts = { columns: ['A', 'b'].map((name) => ({ name, type: 'int' })), unique: [['b', 'A']] }
  assert.equal((await createExecutor(telling({ ...facts, caseless: true })).check(table)).length, 3)
  assert.equal(await problemsOf(facts, table), [
    'there is no column a',
    'there is no column B',
    'there is no unique index over a, B',
  ])
})

test('what cannot be told is no problem: a driver that leaves it all out', async () => {
  const { plan, run } = committing()
  const driver: Driver = { name: 'own', plan, run } as never
  assert.equal(
    (await createExecutor(driver).check(users)).map(({ ok }) => ok),
    [undefined, undefined],
  )
})

test('a batch without rows that is refused is a problem, a database that is away is not', async () => {
  const driver = telling(FACTS)
  driver.fault = 'place'
  const refused = await failureOf(createExecutor(driver).check(updated))
  assert.match(String(refused), 'a batch without rows does not go through: the memory database says unknown')
  const away = new MemoryError('connection')
  assert.is(await failureOf(createExecutor(telling(away)).check(updated)), away)
  const forbidden = createExecutor(telling(new MemoryError('permission'))).check(updated)
  assert.match(String(await failureOf(forbidden)), 'the table cannot be looked at')
})

test('a flow asks once for each table, before its first batch', async () => {
  const driver = telling(FACTS)
  const { flow } = rig({ check: true, flushSize: 1 }, undefined, driver)
  await Promise.all([flow.write(updated, user(1)), flow.write(users, user(2))])
  await flow.write(updated, user(3))
  assert.is(driver.asked, 2)
  assert.is(driver.committed.length, 3)
  await flow.close()
})

test('where the table does not fit, rows fail with all that is wrong, and the next batch asks again', async () => {
  let facts: TableFacts | undefined
  const driver = Object.assign(committing(), { inspect: async () => facts })
  driver.fault = 'row'
  const { flow } = rig({ check: true, flushSize: 2 }, undefined, driver)
  const failed = await flow.writeMany(updated, [user(1), user(2)])
  for (const result of failed) {
    assert.ok(result.status === 'rejected' && result.reason instanceof RowFailedError)
    assert.instance(result.reason.cause, TableCheckError)
    assert.equal([result.reason.reason, result.reason.fault, result.reason.attempts], ['schema', 'place', 1])
    assert.match(result.reason.message, 'there is no table updated')
  }
  assert.is(driver.planned, 0)
  facts = FACTS
  await flow.writeMany(updated, [user(1), user(2)])
  assert.is(driver.committed.length, 2)
  await flow.close()
})

test('a connection that is lost as the table is looked at leaves no doubt about rows', async () => {
  let lost = true
  const driver = Object.assign(committing(), {
    inspect: async () => {
      if (lost) throw new MemoryError('connection')
      return FACTS
    },
  })
  driver.fault = 'row'
  const { flow } = rig({ check: true, flushSize: 1 }, (executor) => executor.withRetry(false), driver)
  const error = await failureOf(flow.write(users, user(1)))
  assert.ok(error instanceof RowFailedError && error.reason === 'connection' && !error.ambiguous)
  lost = false
  await flow.write(users, user(2))
  await flow.close()
})

test('flows that check share the limits of their executor with those that do not', async () => {
  const { flow, executor } = rig({ check: true }, undefined, telling(FACTS))
  assert.is(executor.checking().slots, executor.slots)
  await flow.close()
})

test.run()
