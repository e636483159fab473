import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { dayOf, stampOf, timeOf } from '../../../src/drivers/postgres/stamp.ts'

const stamps = suite('texts of dates and times')

const STAMP = /^(\d{4}-\d\d-\d\d)[T ]((\d\d):\d\d:\d\d)(?:\.(\d{1,6}))?(Z|([+-])(\d\d)(?::?(\d\d))?)?$/

/** The same by other means. */
function expected(text: string): { seconds: number; micros: number; offset: number } | undefined {
  const parts = STAMP.exec(text)
  if (parts === null) return undefined
  const [, day, time, hours, fraction = '', zone, sign, east = '0', minutes = '0'] = parts
  const at = new Date(`${day}T${time}Z`)
  const isDay = !Number.isNaN(at.getTime()) && at.toISOString().startsWith(`${day}T${hours}`)
  if (!isDay || day!.startsWith('0000') || Number(east) > 15 || Number(minutes) > 59) return undefined
  const offset = (sign === '-' ? -1 : 1) * (Number(east) * 60 + Number(minutes))
  return {
    seconds: at.getTime() / 1000,
    micros: Number(fraction.padEnd(6, '0')),
    offset: zone === undefined ? Number.NaN : offset,
  }
}

const two = fc.integer({ min: 0, max: 62 }).map((n) => String(n).padStart(2, '0'))
const year = fc.integer({ min: 0, max: 9999 }).map((n) => String(n).padStart(4, '0'))
const month = fc.integer({ min: 0, max: 13 }).map((n) => String(n).padStart(2, '0'))
const day = fc.integer({ min: 0, max: 32 }).map((n) => String(n).padStart(2, '0'))
const fraction = fc.string({ unit: fc.constantFrom(...'0189'), maxLength: 7 }).map((text) => (text ? `.${text}` : ''))
const zone = fc.oneof(
  fc.constantFrom('', 'Z', 'z', '.', '+1', '+01:0', '+0130x'),
  fc.tuple(fc.constantFrom('+', '-', ' '), two, fc.constantFrom('', ':', ';'), fc.option(two)).map((t) => t.join('')),
)
const text = fc
  .tuple(year, month, day, fc.constantFrom('T', ' ', 't'), two, two, two, fraction, zone)
  .map(([y, m, d, t, h, min, s, f, z]) => `${y}-${m}-${d}${t}${h}:${min}:${s}${f}${z}`)
const damaged = fc
  .tuple(text, fc.nat(30), fc.constantFrom('', ' ', 'x', '1', ':', '.', '٣'))
  .map(([whole, at, other]) => whole.slice(0, at) + other + whole.slice(at + 1))

stamps('are those that a Date says they are, and no others', () => {
  fc.assert(
    fc.property(fc.oneof(text, damaged), (text) => {
      const stamp = stampOf(text)
      assert.equal(stamp && { ...stamp }, expected(text))
    }),
    { numRuns: 2000 },
  )
})

stamps('every day of 400 years, after which the calendar repeats, is the one behind the day before', () => {
  const start = Date.UTC(1600, 0, 1) / 86_400_000
  for (let days = start; days < start + 146_097; days++) {
    const text = new Date(days * 86_400_000).toISOString().slice(0, 10)
    if (dayOf(text) !== days) assert.is(dayOf(text), days, text)
  }
})

stamps('times of a day are theirs alone', () => {
  assert.is(timeOf('23:59:59.000001'), 86_399_000_001)
  for (const text of ['24:00:00', '00:00:60', '00:00', '00:00:00.', '00:00:00.1234567', '00:00:00Z']) {
    assert.ok(Number.isNaN(timeOf(text)), text)
  }
})

stamps.run()
