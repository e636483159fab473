import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { comparePositions } from '../../../src/sources/nats/message.ts'
import { consumerName, takes } from '../../../src/sources/nats/names.ts'

const test = suite('nats names')

test('whether a pattern of a stream takes a subject', () => {
  const cases: [pattern: string, subject: string, takes: boolean][] = [
    ['orders.*', 'orders.0', true],
    ['orders.*', 'orders', false],
    ['orders.*', 'orders.0.1', false],
    ['orders.>', 'orders.0.1', true],
    ['orders.>', 'orders', false],
    ['>', 'orders.0', true],
    ['*.0', 'orders.0', true],
    ['*.0', 'orders.1', false],
    ['orders.0', 'orders.0', true],
  ]
  for (const [pattern, subject, expected] of cases)
    assert.is(takes(pattern, subject), expected, `${pattern} ${subject}`)
})

test('names of consumers hold no dots, which would be tokens of a subject', () => {
  assert.is(consumerName('writers', 'shop.orders', '3'), 'writers-shop_orders-3')
})

test('positions are compared as numbers, and the empty one comes before all', () => {
  assert.ok(comparePositions('9', '10') < 0)
  assert.ok(comparePositions('', '1') < 0)
  assert.is(comparePositions('7', '7'), 0)
})

test.run()
