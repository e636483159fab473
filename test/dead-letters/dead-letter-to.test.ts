import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { type DeadLetterRow, deadLetterTo } from '../../src/dead-letters/dead-letter-to.ts'
import type { BatchFlow } from '../../src/flow/batch-flow.ts'
import type { DeadLetterHandler } from '../../src/flow/dead-letters.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith } from '../support/assertions.ts'
import { letter } from '../support/dead-letters/files.ts'
import { rig } from '../support/engine/flow.ts'
import { committing, MemoryDriver, MemoryError } from '../support/engine/memory-driver.ts'
import { user, users } from '../support/engine/tables.ts'

const test = suite('deadLetterTo')

type Kept = Pick<DeadLetterRow, 'table_name' | 'row' | 'reason' | 'failed_at'>
const dead = defineTable<Kept>('dead_letters', { columns: ['table_name', 'row', 'reason', 'failed_at'] })

test('rows that failed are rows of another table, of another flow', async () => {
  const letters = rig({ flushSize: 1 }, undefined, committing())
  const driver = new MemoryDriver((run) => run.fail(new MemoryError('constraint')))
  const { flow } = rig({ flushSize: 1, deadLetter: deadLetterTo(letters.flow, dead) }, undefined, driver)
  await flow.write(users, user(1)).catch(() => {})
  const [row] = letters.driver.committed as DeadLetterRow[]
  const { failed_at, ...rest } = row!
  assert.ok(Math.abs(failed_at.getTime() - Date.now()) < 60_000)
  assert.equal(rest, {
    table_name: 'users',
    row: JSON.stringify(user(1)),
    reason: 'constraint',
    code: null,
    fault: 'row',
    ambiguous: false,
    attempts: 1,
    trace_id: null,
    span_id: null,
  })
  assert.equal((await flow.close()).undelivered, [])
})

test('values that JSON does not know are text that can be read again', async () => {
  const { flow, driver } = rig({ flushSize: 1 }, undefined, committing())
  await deadLetterTo(flow, dead)([letter(1, { row: { id: 1n, at: new Date(0) }, traceId: 't', spanId: 's' })])
  const { row, trace_id, span_id } = driver.committed[0] as DeadLetterRow
  assert.is(row, '{"id":{"$bigint":"1"},"at":{"$date":"1970-01-01T00:00:00.000Z"}}')
  assert.equal([trace_id, span_id], ['t', 's'])
})

test('a mapping of one’s own decides what is written', async () => {
  const { flow, driver } = rig({ flushSize: 2 }, undefined, committing())
  const table = defineTable<{ what: string }>('dead', { columns: ['what'] })
  const handler = deadLetterTo(flow, table, ({ table, error }) => ({ what: `${table}: ${error.reason}` }))
  await handler([letter(1), letter(2)])
  assert.equal(driver.committed, [{ what: 'users: constraint' }, { what: 'users: constraint' }])
})

test('a letter that cannot be written is returned by the flow', async () => {
  const broken = rig(
    { flushSize: 1, deadLetter: () => {} },
    undefined,
    new MemoryDriver((run) => run.fail(new Error())),
  )
  const driver = new MemoryDriver((run) => run.fail(new MemoryError('constraint')))
  const handler = deadLetterTo(broken.flow, dead)
  const error = await handler([letter(1)]) // the flow hears of it in the same way
    ?.then(
      () => undefined,
      (error) => error,
    )
  assert.ok(error instanceof RowFailedError)
  const { flow } = rig({ flushSize: 1, deadLetter: handler }, undefined, driver)
  await flow.write(users, user(1)).catch(() => {})
  assert.equal(
    (await flow.close()).undelivered.map(({ row }) => row),
    [user(1)],
  )
})

test('a flow does not write its own dead letters, however they come', async () => {
  const driver = new MemoryDriver((run) => run.fail(new MemoryError('constraint')))
  let refusal: unknown
  const handle: DeadLetterHandler = async (letters) => {
    await null
    const handed = deadLetterTo(flow, dead)(letters.filter(() => true))
    await Promise.resolve(handed).catch((error) => (refusal = error))
  }
  const { flow }: { flow: BatchFlow } = rig({ flushSize: 1, deadLetter: handle }, undefined, driver)
  await flow.write(users, user(1)).catch(() => {})
  assert.ok(refusal instanceof OptionError)
  const message = 'deadLetterTo: flow must not be the flow whose rows fail, which waits for its handler'
  assert.is(refusal.message, message)
})

test('what it is given is checked', async () => {
  const { flow } = rig()
  const cases = [
    [[{}, dead], 'deadLetterTo: flow must be a BatchFlow with a method writeMany(), received an object'],
    [[flow, 'dead'], 'deadLetterTo: table must be made by defineTable(), received "dead"'],
    [[flow, dead, null], 'deadLetterTo: map must be a function, received null'],
  ] as const
  for (const [args, message] of cases) {
    const act = () => deadLetterTo(...(args as unknown as Parameters<typeof deadLetterTo>))
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, act)
  }
})

test.run()
