import { runInNewContext } from 'node:vm'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { EncodeError } from '../../../src/drivers/kit/encode-error.ts'
import { jsonText, textOf } from '../../../src/drivers/redis/encode.ts'
import { thrownBy } from '../../support/assertions.ts'

test('objects are JSON, with bigints as text and their own toJSON', () => {
  assert.is(textOf({ a: [1n, null, undefined] }), '{"a":["1",null,null]}')
  assert.is(textOf({ toJSON: () => 'own' }), '"own"')
  assert.is(jsonText([]), '[]')
})

test('what has no text is refused, without being shown', async () => {
  const circular: Record<string, unknown> = { secret: 1 }
  circular['self'] = circular
  const invalid = new Date(Number.NaN)
  const refused = [null, undefined, () => 1, Symbol('secret'), invalid, new Map(), new Set(), new ArrayBuffer(1)]
  for (const value of [...refused, new DataView(new ArrayBuffer(1)), circular, { toJSON: () => undefined }]) {
    const error = await thrownBy(() => textOf(value))
    assert.ok(error instanceof EncodeError, String(error))
    assert.not.match(error.message, /secret/)
  }
})

test('a date of another realm is no JSON', () => {
  assert.is(textOf(runInNewContext('new Date(0)')), '1970-01-01T00:00:00.000Z')
})

test.run()
