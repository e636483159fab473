import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keyReader } from '../../../src/drivers/redis/key.ts'
import { tableOf } from '../../support/databases/redis.ts'

const read = keyReader(tableOf('t', ['a', 'b']), ['a', 'b'])
const bytes = (key: string | Uint8Array): Buffer => Buffer.from(key as string)
const part = fc.oneof(
  fc.uint8Array({ maxLength: 4 }),
  fc.string({ unit: fc.constantFrom(':', '%', '2', '5', '3', 'A', 'é'), maxLength: 6 }),
)

test('keys of several columns are texts, and texts only', () => {
  assert.is(read({ a: 'x:y', b: 1 }), 't:x%3Ay:1')
})

test('bytes are kept as they are but for the two characters with a meaning', () => {
  assert.equal(
    [...bytes(read({ a: new Uint8Array([0, 255]), b: 'é' }))],
    [...Buffer.from('t:'), 0, 255, ...Buffer.from(':é')],
  )
  assert.is(bytes(read({ a: Buffer.from(':%'), b: Buffer.from('x') })).toString(), 't:%3A%25:x')
  assert.equal(bytes(read({ a: Buffer.from('x:'), b: 1 })), bytes(read({ a: 'x:', b: 1 })), 'as the same text')
})

test('different parts have different keys', () => {
  fc.assert(
    fc.property(part, part, part, part, (a, b, c, d) => {
      const same = bytes(a).equals(bytes(c)) && bytes(b).equals(bytes(d))
      assert.is(bytes(read({ a, b })).equals(bytes(read({ a: c, b: d }))), same)
    }),
    { numRuns: 2000 },
  )
})

test.run()
