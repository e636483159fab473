import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createExecutor } from '../../../src/executor/executor.ts'
import { OwnSlots } from '../../../src/flow/adaptive/own-slots.ts'
import { MemoryDriver } from '../../support/engine/memory-driver.ts'

const test = suite('slots of one flow')

function slots(all: number, own: number) {
  const shared = createExecutor(new MemoryDriver()).withConcurrencyLimit(all).slots
  return { shared, own: new OwnSlots(shared, own) }
}

test('takes no more than its limit, and leaves the others to others', () => {
  const { shared, own } = slots(3, 1)
  own.take()
  assert.is(own.free, false)
  assert.is(shared.free, true)
  assert.is(shared.inflight, 1)
})

test('has none where the executor has none', () => {
  const { shared, own } = slots(1, 4)
  shared.take()
  assert.is(own.free, false)
  let woken = 0
  own.whenFree(() => woken++)
  shared.release()
  assert.is(woken, 1)
})

test('whoever waits for its own limit is woken when one of its own is free, once', () => {
  const { shared, own } = slots(3, 1)
  own.take()
  let woken = 0
  own.whenFree(() => woken++)
  shared.take()
  shared.release()
  assert.is(woken, 0)
  own.release()
  own.take()
  own.release()
  assert.is(woken, 1)
})

test('whoever waits is woken only below a limit that was lowered', () => {
  const { own } = slots(3, 2)
  own.take()
  own.take()
  let woken = 0
  own.whenFree(() => woken++)
  own.limit = 1
  own.release()
  assert.is(woken, 0)
  own.release()
  assert.is(woken, 1)
})

test('whoever is forgotten is not woken', () => {
  const { shared, own } = slots(1, 1)
  const never = () => assert.unreachable()
  own.take()
  own.whenFree(never)
  own.forget(never)
  own.release()
  shared.take()
  own.whenFree(never)
  own.forget(never)
  shared.release()
})

test.run()
