import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError, type Fence } from '../../src/contract/driver.ts'
import type { RowFailedError } from '../../src/contract/errors.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryError } from '../support/engine/memory-driver.ts'
import { updated, user, users } from '../support/engine/tables.ts'

const test = suite('fences')

/** A fence that the test sets, or lets fail. */
function heldFence() {
  const calls: { set: () => void; fail: () => void; signal: AbortSignal }[] = []
  const fence: Fence = (signal) =>
    new Promise((resolve, reject) => calls.push({ set: resolve, fail: () => reject(new Error('not yet')), signal }))
  return { fence, calls }
}

function lost(fence: Fence): AttemptError {
  return new AttemptError(new MemoryError('connection'), { ambiguous: true, fence })
}

const retrying = (executor: Executor) =>
  executor.withRetry({ maxAttempts: 2, backoffBase: 10, jitter: 0 }).withTimeout(1000)

test('rows of an attempt that was given up are tried again only when it can take no effect any more', async () => {
  const { fence, calls } = heldFence()
  const { flow, driver, clock } = rig({ flushSize: 1 }, retrying)
  const write = flow.write(updated, user(1))
  driver.runs[0]!.fail(lost(fence))
  await clock.advance(500)
  assert.is(driver.runs.length, 1)
  calls[0]!.fail()
  await clock.advance(10)
  assert.is(calls.length, 2, 'it is tried again')
  calls[1]!.set()
  await clock.advance(10)
  driver.runs[1]!.succeed()
  assert.is((await write).attempts, 2)
  await flow.close()
})

test('nor does the key go on when nothing is tried again', async () => {
  const { fence, calls } = heldFence()
  const { flow, driver, clock } = rig({ flushSize: 1 }, (executor) => executor.withRetry(false).withTimeout(0))
  const first = flow.write(updated, user(1)).catch((error: RowFailedError) => error)
  driver.runs[0]!.fail(lost(fence))
  const second = flow.write(updated, user(1))
  await clock.advance(1000)
  assert.is(driver.runs.length, 1, 'the second waits behind its key')
  calls[0]!.set()
  await settled()
  assert.ok(((await first) as RowFailedError).ambiguous)
  driver.runs[1]!.succeed()
  await second
  await flow.close()
})

test('a fence that hangs is given its time and called again; closing does not wait for it for ever', async () => {
  const { fence, calls } = heldFence()
  const { flow, driver, clock } = rig({ flushSize: 1 }, retrying)
  await flow.submit(updated, user(1))
  driver.runs[0]!.fail(lost(fence))
  await clock.advance(1010)
  assert.is(calls.length, 2)
  assert.ok(calls[0]!.signal.aborted)
  const closing = flow.close({ timeout: 100 })
  await clock.advance(100)
  assert.equal(
    (await closing).abandonedRows.map(({ ambiguous }) => ambiguous),
    [true],
  )
  assert.is(clock.running, 0, 'no timer is left')
})

test('it is not tried for longer than an outage may last, the tries themselves included', async () => {
  const { fence, calls } = heldFence()
  const { flow, driver, clock } = rig({ flushSize: 1, deadLetter: () => {} }, (executor) =>
    executor.withTimeout(30_000),
  )
  const write = flow.write(updated, user(1)).catch((error: RowFailedError) => error)
  driver.runs[0]!.fail(lost(fence))
  await clock.advance(270_000)
  assert.ok(calls.length > 40 && calls.length < 60, `${calls.length} tries`)
  await clock.advance(65_000)
  assert.ok(((await write) as RowFailedError).ambiguous)
  await flow.close()
})

test('a row is ambiguous when any attempt with it was, whatever the last one said', async () => {
  const fates: boolean[] = []
  for (const ambiguous of [true, false]) {
    const { flow, driver, clock } = rig({ flushSize: 2 }, retrying)
    const writes = [1, 2].map((id) => flow.write(users, user(id)).catch((error: RowFailedError) => error))
    driver.runs[0]!.fail(new AttemptError(new MemoryError('connection'), { ambiguous }))
    await clock.advance(10)
    driver.runs[1]!.fail(new AttemptError(new MemoryError('duplicate_key'), { rowIndex: 0 }))
    await settled()
    driver.runs[2]!.succeed()
    const [failed] = (await Promise.all(writes)) as RowFailedError[]
    fates.push(failed!.ambiguous)
    assert.is(failed!.fault, 'row')
    assert.is(/may have been written nevertheless/.test(failed!.message), ambiguous)
    await flow.close()
  }
  assert.equal(fates, [true, false])
})

test.run()
