import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HealthCheck } from '../../src/flow/health-check.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { user, users, usersFrom } from '../support/engine/tables.ts'

const test = suite('health check')

const OUTAGE = { since: 7, reason: 'connection', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 10.1.2.3:5432' }

function checked() {
  const { flow, executor, driver } = rig({ flushSize: 1, bufferSize: 2 })
  let now = 1000
  const check = new HealthCheck(flow, 300, () => now)
  const after = (milliseconds: number) => {
    now += milliseconds
    return check.look()
  }
  return { flow, slots: executor.slots, driver, after }
}

test('a flow that waits for its first row is live and ready, however long', () => {
  const { after } = checked()
  for (let i = 0; i < 3; i++) {
    const { live, ready, why, state } = after(10_000)
    assert.equal([live, ready, why, state], [true, true, undefined, 'open'])
  }
})

test('rows that nobody settles make it stuck, from when they were first seen', async () => {
  const { flow, driver, after } = checked()
  await flow.submit(users, user(1))
  assert.ok(after(10_000).live, 'they may have come a moment ago')
  assert.ok(after(299).live)
  const { live, why } = after(1)
  assert.equal([live, why], [false, 'nothing was settled for 0 s'])
  assert.is(after(6000).why, 'nothing was settled for 6 s')
  driver.runs[0]!.succeed()
  await settled()
  assert.ok(after(1).live)
})

test('one row settled between two looks is enough', async () => {
  const { flow, driver, after } = checked()
  await flow.submitMany(users, usersFrom(1, 2))
  after(0)
  driver.runs[0]!.succeed()
  await settled()
  assert.ok(after(400).live)
  assert.ok(after(299).live)
  assert.not.ok(after(1).live)
})

test('rows that came after all others were settled are not those of the look before', async () => {
  const { flow, driver, after } = checked()
  await flow.submit(users, user(1))
  after(0)
  driver.runs[0]!.succeed()
  await settled()
  after(100)
  await flow.submit(users, user(2))
  assert.ok(after(10_000).live)
})

test('an outage explains why nothing is settled, and its end begins anew', async () => {
  const { flow, slots, after } = checked()
  await flow.submit(users, user(1))
  after(0)
  Object.defineProperty(slots, 'outage', { value: OUTAGE, configurable: true })
  const paused = after(10_000)
  assert.equal([paused.live, paused.ready, paused.state], [true, true, 'paused'])
  assert.is(paused.why, 'the database is away; rows are accepted and wait')
  assert.equal(paused.outage, { since: 7, reason: 'connection', code: 'ECONNREFUSED' }, 'without what names hosts')
  await flow.submit(users, user(2))
  assert.equal([after(0).ready, after(0).why], [false, 'the buffer is full, and the database is away'])
  Object.defineProperty(slots, 'outage', { value: undefined })
  assert.ok(after(10_000).live)
  assert.not.ok(after(300).live)
})

test('it is not ready when it is full, closing or closed', async () => {
  const { flow, driver, after } = checked()
  await flow.submitMany(users, usersFrom(1, 2))
  assert.equal([after(0).ready, after(0).why], [false, 'the buffer is full'])
  driver.runs[0]!.succeed()
  await settled()
  assert.ok(after(0).ready)
  const close = flow.close()
  assert.equal([after(0).ready, after(0).live, after(0).why], [false, true, 'the flow is closing'])
  driver.runs[1]!.succeed()
  await close
  assert.equal([after(0).ready, after(0).live, after(0).why], [false, true, 'the flow is closed'])
})

test.run()
