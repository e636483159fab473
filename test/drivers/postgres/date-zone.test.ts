import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AskedParameter, dateZoneOf, type PrepareValue } from '../../../src/drivers/postgres/date-zone.ts'
import { TEXTS } from '../../../src/drivers/postgres/encode-text.ts'

const zones = suite('the zone of dates')
const { prepareValue } = (pg as unknown as { utils: { prepareValue: PrepareValue } }).utils

zones.after.each(() => {
  pg.defaults.parseInputDatesAsUTC = false
  delete process.env['TZ']
})

for (const TZ of ['UTC', 'Asia/Kolkata']) {
  zones(`what pg is told now, in ${TZ}`, () => {
    process.env['TZ'] = TZ
    for (const inUtc of [true, false]) {
      pg.defaults.parseInputDatesAsUTC = inUtc
      assert.is(dateZoneOf(prepareValue), inUtc ? 'utc' : 'local')
    }
  })
}

zones('local where the client does not tell', () => {
  assert.is(dateZoneOf(undefined), 'local')
  assert.is(dateZoneOf(String), 'local')
})

zones('a parameter is its text, and knows who asked', () => {
  const parameter = new AskedParameter('app.users')
  assert.is(parameter.toPostgres(), 'app.users')
  assert.is(parameter.prepareValue, undefined)
  assert.is(prepareValue(parameter), 'app.users')
  assert.is(parameter.toPostgres(), 'app.users', 'an instrumentation shows it')
  assert.type(parameter.prepareValue, 'function')
})

zones('texts are those of pg in either zone, of any year', () => {
  process.env['TZ'] = 'America/New_York'
  for (const date of [0, 1e12, -62_135_596_800_001, -62_198_755_200_000, 8.64e15, -8.64e15].map((ms) => new Date(ms))) {
    for (const zone of ['local', 'utc'] as const) {
      pg.defaults.parseInputDatesAsUTC = zone === 'utc'
      assert.is(TEXTS[zone].asText(date), prepareValue(date))
      assert.is(TEXTS[zone].asText([date]), prepareValue([date]))
    }
  }
})

zones.run()
