import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isoText } from '../../../src/drivers/kit/iso-text.ts'

const iso = suite('ISO text of dates')

iso('is that of toISOString, of any date, in any order', () => {
  fc.assert(
    fc.property(fc.array(fc.date({ noInvalidDate: true })), (dates) => {
      for (const date of dates) assert.is(isoText(date), date.toISOString())
    }),
  )
})

iso('is that of toISOString within one minute, before 1970 and beyond the years of four digits', () => {
  for (const start of [Date.UTC(2026, 0, 31, 12), -62_198_755_200_000, -60_000, 0, 8.64e15 - 60_000]) {
    for (const after of [0, 1, 999, 1000, 9_010, 59_999]) {
      const date = new Date(start + after)
      assert.is(isoText(date), date.toISOString())
    }
  }
})

iso('throws for an invalid date, as toISOString does', () => {
  assert.throws(() => isoText(new Date(Number.NaN)), RangeError)
})

iso.run()
