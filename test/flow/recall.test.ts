import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Given } from '../../src/flow/call.ts'
import { deliverRow } from '../../src/flow/deliver-row.ts'
import type { Waiter } from '../../src/lanes/waiter.ts'
import { settled } from '../support/engine/clock.ts'
import { type Rig, rig } from '../support/engine/flow.ts'
import { MemoryError } from '../support/engine/memory-driver.ts'
import { user, users } from '../support/engine/tables.ts'

const test = suite('rows that come again')

/** A batch failed of which one row is kept and the other with the handler; row 3 waited behind it, and comes back with it. */
async function inTheHandler(told: string[]): Promise<Rig & { handled(): void }> {
  let handled = () => {}
  const used = rig(
    { flushSize: 2, deadLetter: () => new Promise<void>((resolve) => (handled = resolve)) },
    (executor) => executor.withConcurrencyLimit(1),
  )
  const { flow, driver } = used
  const waiter = (name: string, isKept: boolean): Waiter => ({
    committed: () => void told.push(`${name} committed`),
    failed: () => void told.push(`${name} failed`),
    keeps: () => isKept,
  })
  const how = { given: Given.none, signal: new AbortController().signal }
  await deliverRow(flow, users, user(1), waiter('1', true), how)
  await flow.submit(users, user(2))
  await deliverRow(flow, users, user(3), waiter('3', false), how)
  const error = new MemoryError('constraint')
  driver.runs[0]!.succeed([
    { index: 0, error },
    { index: 1, error },
  ])
  await settled()
  return { ...used, handled: () => handled() }
}

test('flush waits for those that came back, as long as a handler has others of the batch', async () => {
  const told: string[] = []
  const { flow, handled } = await inTheHandler(told)
  const flushed = flow.flush().then(() => told.push('flushed'))
  await settled()
  assert.equal(told, [])
  assert.is(flow.stats().unsettled, 3)
  handled()
  await flushed
  assert.equal(told, ['1 failed', '3 failed', 'flushed'])
})

test('so does close, which counts them', async () => {
  const told: string[] = []
  const { flow, driver, handled } = await inTheHandler(told)
  const closed = flow.close().then((summary) => {
    told.push('closed')
    return summary
  })
  await settled()
  assert.equal(told, [])
  handled()
  const { committed, failed, abandoned } = await closed
  assert.equal(told, ['1 failed', '3 failed', 'closed'])
  assert.equal([committed, failed, abandoned, driver.runs.length], [0, 2, 0, 1])
})

test.run()
