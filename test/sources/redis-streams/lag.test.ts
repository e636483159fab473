import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type LagReply, lagOf } from '../../../src/sources/redis-streams/lag.ts'

const test = suite('lag of a stream')

/** @param behind -1: Redis does not know */
function reply(pending: number, behind: number, oldest: string, delivered: string): LagReply {
  const [first, last, now] = ['1000-0', '2000-0', '5000']
  const [a, b, c, d, e] = [oldest, first, last, delivered, now].map((text) => Buffer.from(text!))
  return [pending, behind, a!, 100, b!, c!, d!, e!]
}

test('messages in flight count as well; the age is that of the oldest', () => {
  assert.equal(lagOf(reply(2, 5, '1500-0', '1700-0')), { messages: 7, seconds: 3.5 })
  assert.equal(lagOf(reply(0, 0, '', '2000-0')), { messages: 0, seconds: 0 })
  assert.equal(lagOf([]), { messages: 0, seconds: 0 })
})

test('what Redis does not know is estimated from times', () => {
  assert.is(lagOf(reply(0, -1, '1750-0', '1749-9')).messages, 25)
  assert.is(lagOf(reply(0, -1, '1000-0', '0-0')).messages, 100)
  assert.is(lagOf(reply(3, -1, '1999-0', '2000-0')).messages, 3)
})

test.run()
