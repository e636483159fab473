import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Key } from '../../src/lanes/coalesce.ts'
import { Entry, sortByKey } from '../../src/lanes/entry.ts'

const entry = suite('entries of keys')

function sorted(keys: readonly (Key | undefined)[]): (Key | undefined)[] {
  const entries = keys.map((key) => new Entry(key))
  const before = new Set(entries)
  sortByKey(entries)
  assert.equal(new Set(entries), before)
  return entries.map(({ key }) => key)
}

entry('whole numbers are in their order, each with its entry', () => {
  const keys = fc.uniqueArray(fc.oneof(fc.integer(), fc.integer({ min: -5, max: 5 })), { maxLength: 300 })
  fc.assert(
    fc.property(keys, (given) =>
      assert.equal(
        sorted(given),
        given.toSorted((a, b) => a - b),
      ),
    ),
  )
})

entry('numbers come before texts, and NULL last, whatever order they came in', () => {
  const all = [-(2 ** 40), -1, 0, 3, 2 ** 31, 2 ** 52, '', 'a', 'b', undefined, undefined]
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (given) => assert.equal(sorted(given), all)),
  )
})

entry.run()
