import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { slotOf } from '../../../src/drivers/redis/slot.ts'

function slot(key: string): number {
  const bytes = Buffer.from(`before${key}after`)
  return slotOf(bytes, 6, bytes.length - 5)
}

test('the check value of the specification', () => {
  assert.is(slot('123456789'), 0x31c3)
})

test('only a hash tag that is not empty counts', () => {
  assert.is(slot('{user1000}.following'), slot('user1000'))
  assert.is(slot('foo{bar}{zap}'), slot('bar'))
  assert.is(slot('foo{{bar}}zap'), slot('{bar'))
  assert.is(slot('foo{}{bar}'), 8363)
  assert.is(slot('foo{bar'), slot('foo{bar'))
  assert.is.not(slot('foo{bar'), slot('bar'))
  assert.is.not(slot('}foo{'), slot('foo'))
})

test.run()
