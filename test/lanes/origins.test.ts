import type { SpanContext } from '@opentelemetry/api'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Origins } from '../../src/lanes/origins.ts'

const test = suite('origins')

const hex = (value: number, length: number) => value.toString(16).padStart(length, '0')
const idOf = ({ traceId, spanId }: SpanContext) => `${traceId}-${spanId}`

function kept(all: readonly (SpanContext | undefined)[]): Origins {
  const origins = new Origins()
  for (const context of all) origins.add(context)
  return origins
}

function firstOfEach(all: readonly SpanContext[]): string[] {
  return [...new Set(all.map(idOf))]
}

/** Few different ones, so that they come again, as objects of their own or not, and under the same span id. */
const contexts = fc.array(
  fc.record({
    traceId: fc.integer({ min: 1, max: 3 }).map((value) => hex(value, 32)),
    spanId: fc.integer({ min: 1, max: 2000 }).map((value) => hex(value, 16)),
    traceFlags: fc.constantFrom(0, 1),
  }),
  { maxLength: 1500, size: 'max' },
)

test('every submitter is there once, in the order they first came', () => {
  fc.assert(fc.property(contexts, (all) => assert.equal(kept(all).contexts.map(idOf), firstOfEach(all))))
})

test('the origins of many rows become those of one batch', () => {
  fc.assert(
    fc.property(contexts, contexts, (some, others) => {
      const origins = kept(some)
      origins.addAll(kept(others))
      assert.equal(origins.contexts.map(idOf), firstOfEach([...some, ...others]))
      assert.is(origins.orphans, false)
    }),
  )
})

test('rows from outside of any span are remembered', () => {
  const some = { traceId: hex(1, 32), spanId: hex(1, 16), traceFlags: 0 }
  const origins = kept([some, undefined, some])
  assert.equal(origins.contexts, [some])
  assert.is(origins.orphans, true)
  const all = new Origins()
  all.addAll(origins)
  assert.is(all.orphans, true)
})

test('ids made to meet in one slot of a hash table are told apart', () => {
  // "BB" and "Aa" have one hash in base 31, so all words of the two have.
  const words = Array.from({ length: 256 }, (_, bits) =>
    hex(bits, 2).replace(/./g, (digit) =>
      Number.parseInt(digit, 16).toString(2).padStart(4, '0').replaceAll('0', 'Aa').replaceAll('1', 'BB'),
    ),
  )
  const all = words.map((spanId) => ({ traceId: hex(1, 32), spanId, traceFlags: 0 }))
  assert.equal(kept([...all, ...all]).contexts, all)
})

test('a context without ids is none', () => {
  const ids = Array.from({ length: 20 }, (_, i) => ({ traceId: hex(1, 32), spanId: hex(i, 16), traceFlags: 0 }))
  const broken = [{ traceId: hex(1, 32), traceFlags: 0 }, { spanId: hex(1, 16) }, {}] as unknown as SpanContext[]
  const origins = kept([...ids, ...broken, ...ids])
  assert.equal(origins.contexts, ids)
  assert.is(origins.orphans, true)
})

test.run()
