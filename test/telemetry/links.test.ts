import type { SpanContext } from '@opentelemetry/api'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseLinks, distinct, MAX_LINKS } from '../../src/telemetry/links.ts'

const test = suite('links')

const hex = (value: number, length: number) => value.toString(16).padStart(length, '0')

/** Few different ones, so that they come again, as objects of their own or not, and under the same span id. */
const origins = fc.array(
  fc.record({
    traceId: fc.integer({ min: 1, max: 3 }).map((value) => hex(value, 32)),
    spanId: fc.integer({ min: 1, max: 4000 }).map((value) => hex(value, 16)),
    traceFlags: fc.constantFrom(0, 1),
  }),
  { maxLength: 300 },
)

test('every submitter is there once, in the order they first came', () => {
  fc.assert(
    fc.property(origins, (all) => {
      const idOf = ({ traceId, spanId }: SpanContext) => `${traceId}-${spanId}`
      const first = all.filter((origin, i) => all.findIndex((other) => idOf(other) === idOf(origin)) === i)
      assert.equal(distinct(all).map(idOf), first.map(idOf))
    }),
  )
})

test('ids made to meet in one slot of a hash table are told apart', () => {
  // "BB" and "Aa" have one hash in base 31, so all words of the two have.
  const words = Array.from({ length: 256 }, (_, bits) =>
    hex(bits, 2).replace(/./g, (digit) =>
      Number.parseInt(digit, 16).toString(2).padStart(4, '0').replaceAll('0', 'Aa').replaceAll('1', 'BB'),
    ),
  )
  const all = words.map((spanId) => ({ traceId: hex(1, 32), spanId, traceFlags: 0 }))
  assert.equal(distinct([...all, ...all]), all)
})

test('what is sampled is linked first, and the rest is counted', () => {
  const all = Array.from({ length: 1000 }, (_, i) => ({
    traceId: hex(1, 32),
    spanId: hex(i + 1, 16),
    traceFlags: i >= 990 ? 1 : 0,
  }))
  const { contexts, dropped } = chooseLinks(distinct(all))
  assert.is(contexts.length, MAX_LINKS)
  assert.is(dropped, 1000 - MAX_LINKS)
  assert.equal(contexts.slice(0, 11), [...all.slice(990), all[0]])
})

test.run()
