import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isoText } from '../../../src/drivers/redis/iso-text.ts'

test('what toISOString says of any date, in any order', () => {
  fc.assert(fc.property(fc.date({ noInvalidDate: true }), (date) => isoText(date.getTime()) === date.toISOString()))
})

test('the first and the last moment of days and of all time', () => {
  for (const time of [
    0, -1, 1, 86_399_999, 86_400_000, -86_400_000, -86_400_001, 8.64e15, -8.64e15, -62_198_755_200_000,
  ]) {
    assert.is(isoText(time), new Date(time).toISOString())
  }
})

test.run()
