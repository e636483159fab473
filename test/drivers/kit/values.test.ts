import { runInNewContext } from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EncodeError } from '../../../src/drivers/kit/encode-error.ts'
import { addend, bytesOf, encodeObject } from '../../../src/drivers/kit/values.ts'
import { thrownBy } from '../../support/assertions.ts'

const values = suite('values of a row')
const dates = (date: Date) => date.getTime()

values('bytes are those a view shows, and shared with it', () => {
  const bytes = new Uint8Array([1, 2, 3, 4])
  const view = bytesOf(new DataView(bytes.buffer, 1, 2))
  bytes[2] = 9
  assert.equal([...view], [2, 9])
  assert.is(bytesOf(view), view)
})

values('what is added is a number', async () => {
  for (const value of [0, -1.5, 1e300, 2n ** 70n, '-1.50', '+1', null, undefined]) assert.is(addend(value), value)
  for (const value of [
    Number.NaN,
    Number.NEGATIVE_INFINITY,
    '',
    'a',
    '1e5',
    true,
    new Date(0),
    [1],
    Buffer.from('1'),
  ]) {
    assert.ok((await thrownBy(() => addend(value))) instanceof EncodeError)
  }
})

values('an object is its date, its bytes or its JSON', () => {
  assert.is(encodeObject(new Date(5), dates), 5)
  assert.equal(encodeObject(new Uint16Array([1]), dates), Buffer.from([1, 0]))
  assert.is(encodeObject({ a: [1, null] }, dates), '{"a":[1,null]}')
  assert.is(encodeObject({ toJSON: () => 'text' }, dates), '"text"')
})

values('a date or bytes of another realm are no less', () => {
  assert.is(encodeObject(runInNewContext('new Date(5)'), dates), 5)
  assert.equal(encodeObject(runInNewContext('new Uint8Array([7])'), dates), Buffer.from([7]))
})

values('what cannot be stored is refused, without a word of what it is', async () => {
  for (const value of [new Date(Number.NaN), { toJSON: () => undefined }]) {
    const error = await thrownBy(() => encodeObject(value, dates))
    assert.ok(error instanceof EncodeError)
  }
})

values.run()
