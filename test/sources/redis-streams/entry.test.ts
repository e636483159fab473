import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compareIds, fieldsOf, messageOf } from '../../../src/sources/redis-streams/entry.ts'

const test = suite('entries of a stream')

test('ids are ordered as two numbers, however large; the empty one comes before all', () => {
  const id = fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  fc.assert(
    fc.property(id, id, ([a, b], [c, d]) => {
      const expected = a === c ? Number(b > d) - Number(b < d) : a > c ? 1 : -1
      assert.is(Math.sign(compareIds(`${a}-${b}`, `${c}-${d}`)), expected)
    }),
  )
  assert.ok(compareIds('', '0-0') < 0)
  assert.ok(compareIds('0-0', '') > 0)
  assert.is(compareIds('', ''), 0)
})

test('a message comes out as it went in', () => {
  const fields = fieldsOf({ key: '[1]', headers: { traceparent: 't', body: 'no header' }, body: Buffer.from([0, 255]) })
  const message = messageOf(
    '1700000000000-3',
    fields.map((field) => Buffer.from(field)),
    2,
  )
  assert.equal(Buffer.from(message.body), Buffer.from([0, 255]))
  assert.is(message.key, '[1]')
  assert.equal({ ...message.headers }, { traceparent: 't' })
  assert.is(message.publishedAt, 1_700_000_000_000)
  assert.is(message.redelivered, 2)
})

test('what others wrote is read: names of headers in lower case, whatever they are called', () => {
  const fields = ['__proto__', 'x', 'Content-Type', 'y'].map((text) => Buffer.from(text))
  const { headers, body, key } = messageOf('1-0', fields, 0)
  assert.is(headers['content-type'], 'y')
  assert.ok(Object.hasOwn(headers, '__proto__'))
  assert.is(body, '')
  assert.is(key, undefined)
})

test.run()
