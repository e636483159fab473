import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WholeMap } from '../../src/support/whole-map.ts'

const wholeMap = suite('whole map')

/** Few, so that they meet; those at the ends; and any. */
const key = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31)), fc.integer())
const step = fc.record({ what: fc.constantFrom('set', 'set', 'delete'), key })

wholeMap('holds what a Map holds, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const [map, model] = [new WholeMap<object>(), new Map<number, object>()]
      for (const { what, key } of steps) {
        const value = {}
        if (what === 'set') {
          map.set(key, value)
          model.set(key, value)
        } else {
          map.delete(key)
          model.delete(key)
        }
        assert.is(map.size, model.size)
      }
      for (const { key } of steps) assert.is(map.get(key), model.get(key))
    }),
  )
})

wholeMap('keeps thousands apart while they come and go in order', () => {
  const map = new WholeMap<number>()
  for (let key = 0; key < 50_000; key++) {
    map.set(key, -key)
    if (key >= 10_000) map.delete(key - 10_000)
  }
  assert.is(map.size, 10_000)
  for (let key = 0; key < 50_000; key++) assert.is(map.get(key), key < 40_000 ? undefined : -key)
})

wholeMap('takes whole numbers of 32 bits, and no text of one', () => {
  for (const key of [0, -0, 1, -1, 2 ** 31 - 1, -(2 ** 31)]) assert.ok(WholeMap.takes(key))
  for (const key of [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', undefined, 1n]) {
    assert.not(WholeMap.takes(key))
  }
})

wholeMap.run()
