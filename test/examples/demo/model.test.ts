import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Flight } from '../../../examples/demo/flights.ts'
import { FLIGHT_SHIFTS, Model, PRIME } from '../../../examples/demo/model.ts'

const code = fc.string({ unit: fc.constantFrom(...'ABCXYZ'), minLength: 3, maxLength: 3 })
const flight: fc.Arbitrary<Flight> = fc.record({
  date: fc.integer({ min: 16_300_000, max: 16_305_000 }).map((minute) => new Date(minute * 60_000)),
  delay: fc.integer({ min: -1_116, max: 1_688 }),
  distance: fc.integer({ min: 21, max: 4_962 }),
  origin: code,
  destination: code,
})

function modelOf(flights: readonly Flight[]): Model {
  const model = new Model()
  for (const each of flights) model.add(each)
  return model
}

/** The hash by its definition, in integers that cannot lose a digit. */
function exactHash({ date, delay, distance, origin, destination }: Flight): bigint {
  const values = [date.getTime() / 60_000, delay, distance, ...[origin, destination].map(asNumber)]
  return values.reduce((product, value, i) => (product * BigInt(value + FLIGHT_SHIFTS[i]!)) % BigInt(PRIME), 1n)
}

function asNumber(airport: string): number {
  return Buffer.from(airport, 'utf8').readUIntBE(0, 3)
}

test('totals are the plain sums, and the hash is exact', () => {
  fc.assert(
    fc.property(fc.array(flight), (flights) => {
      assert.equal(modelOf(flights).contents().flights, {
        rows: flights.length,
        flights: flights.length,
        delay: flights.reduce((sum, { delay }) => sum + delay, 0),
        distance: flights.reduce((sum, { distance }) => sum + distance, 0),
        hash: Number(flights.reduce((sum, each) => sum + exactHash(each), 0n)),
      })
    }),
  )
})

test('the order of flights makes no difference', () => {
  fc.assert(
    fc.property(fc.array(flight), (flights) => {
      const [forth, back] = [modelOf(flights), modelOf(flights.toReversed())]
      assert.equal(forth.contents(), back.contents())
    }),
  )
})

test('two flights that swap one value are noticed, where the sums are not', () => {
  const differing = fc.tuple(flight, flight).filter(([a, b]) => a.delay !== b.delay && a.distance !== b.distance)
  fc.assert(
    fc.property(differing, ([a, b]) => {
      const before = modelOf([a, b]).contents().flights
      const after = modelOf([
        { ...a, delay: b.delay },
        { ...b, delay: a.delay },
      ]).contents().flights
      assert.is(after.delay, before.delay)
      // Equal only where the other four factors of both rows happen to be the same product.
      const same = exactHash({ ...a, delay: 0 }) === exactHash({ ...b, delay: 0 })
      assert.is(after.hash === before.hash, same)
    }),
  )
})

test('each flight yields what it adds to its airport and day', () => {
  const model = new Model()
  const base = { delay: 5, distance: 100, origin: 'ATL', destination: 'LAS' }
  const first = model.add({ ...base, date: new Date('2001-01-31T23:59:00Z') })
  const second = model.add({ ...base, delay: -7, date: new Date('2001-01-31T00:00:00Z') })
  const nextDay = model.add({ ...base, date: new Date('2001-02-01T00:00:00Z') })
  const elsewhere = model.add({ ...base, origin: 'LAS', date: new Date('2001-02-01T00:00:00Z') })
  assert.equal(first, { origin: 'ATL', day: '2001-01-31', flights: 1, delay: 5, distance: 100 })
  assert.equal(second, { origin: 'ATL', day: '2001-01-31', flights: 1, delay: -7, distance: 100 })
  assert.equal(nextDay, { origin: 'ATL', day: '2001-02-01', flights: 1, delay: 5, distance: 100 })
  assert.equal(elsewhere, { origin: 'LAS', day: '2001-02-01', flights: 1, delay: 5, distance: 100 })
  assert.is(model.contents().daily.rows, 3)
})

test.run()
