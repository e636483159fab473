import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keyPositions } from '../../../src/drivers/redis/key-positions.ts'
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

test('keys are where the command has them', () => {
  const at = (command: string, ...args: unknown[]) => keyPositions(command)(args)
  assert.equal(at('set', 'k', 'v'), [0])
  assert.equal(at('ping'), [])
  assert.equal(at('publish', 'channel', 'text'), [])
  assert.equal(at('del', 'a', 'b'), [0, 1])
  assert.equal(at('mset', 'a', 1, 'b', 2), [0, 2])
  assert.equal(at('rename', 'a', 'b'), [0, 1])
  assert.equal(at('bitop', 'AND', 'a', 'b'), [1, 2])
  assert.equal(at('xgroup', 'CREATE', 's', 'g', '$'), [1])
  assert.equal(at('evalsha', 'sha', 2, 'a', 'b', 'x'), [2, 3])
  assert.equal(at('eval', 'return 1', 9, 'a'), [2])
  assert.equal(at('eval', 'return 1', 'x'), [])
  assert.equal(at('zunionstore', 'to', 2, 'a', 'b', 'WEIGHTS'), [0, 2, 3])
  assert.equal(at('constructor', 'k'), [0])
})

test.run()
