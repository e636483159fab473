import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/contract/table.ts'
import { hashOf, keyTextOf, partitionOf } from '../../../src/sources/kit/partition.ts'

const test = suite('partitions')

const byId = defineTable<{ id: unknown; at: unknown }>('users', {
  columns: ['id', 'at'],
  onConflict: { action: 'replace', keys: ['id', 'at'] },
})

test('the hash is FNV-1a, finished by MurmurHash3: pinned, as other languages must agree with it', () => {
  assert.is(hashOf(''), fmix(0x811c9dc5))
  assert.is(hashOf('a'), fmix(0xe40c292c)) // FNV's own test vectors
  assert.is(hashOf('foobar'), fmix(0xbf9cf968))
  assert.equal(
    ['[1]', '[2]', '["é"]', '["日本"]'].map((text) => partitionOf(text, 8)),
    PINNED,
  )
})

test('a text beyond ASCII is hashed by its UTF-8 bytes, wherever it begins', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      let hash = 0x811c9dc5
      for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
      assert.is(hashOf(text), fmix(hash >>> 0))
    }),
  )
})

test('values that are one key to a database are one text', () => {
  const text = (id: unknown, at: unknown = null) => keyTextOf(byId, { id, at })
  assert.is(text(5), text(5n))
  assert.is(text(-0), text(0))
  assert.is(text(Buffer.from([1, 2])), text(new Uint8Array([1, 2])))
  assert.is(text(new Uint8Array([0, 1, 2]).subarray(1)), text(new Uint8Array([1, 2]).buffer))
  assert.is(text(new Date(0), undefined), '[{"$date":"1970-01-01T00:00:00.000Z"},null]')
  assert.is.not(text('5'), text(5))
  assert.is.not(text('a","b'), text('a', 'b'))
})

test('keys are spread evenly', () => {
  const counts = new Array(8).fill(0)
  for (let id = 0; id < 20_000; id++) counts[partitionOf(`[${id}]`, 8)]++
  assert.ok(Math.max(...counts) < 2500 * 1.1, String(counts))
  assert.ok(Math.min(...counts) > 2500 * 0.9, String(counts))
})

test('a table without conflict keys has none', () => {
  assert.is(keyTextOf(defineTable<{ id: number }>('log', { columns: ['id'] }), { id: 1 }), undefined)
})

function fmix(hash: number): number {
  let mix = hash
  mix ^= mix >>> 16
  mix = Math.imul(mix, 0x85ebca6b)
  mix ^= mix >>> 13
  mix = Math.imul(mix, 0xc2b2ae35)
  mix ^= mix >>> 16
  return mix >>> 0
}

const PINNED = [6, 3, 6, 1]

test.run()
