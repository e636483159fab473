import { murmur2 as theirs } from '@platformatic/kafka'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { murmur2, partitionOfKey } from '../../../src/sources/kafka/murmur2.ts'

const hash = suite('kafka: murmur2')

/** From `UtilsTest.testMurmur2` of Kafka. */
const KNOWN: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

hash('what Kafka itself makes of these keys', () => {
  for (const [key, value] of KNOWN) assert.is(murmur2(Buffer.from(key)), value & 0x7fffffff, key)
})

hash('what the client makes of any key', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      assert.is(murmur2(bytes), theirs(Buffer.from(bytes)) & 0x7fffffff)
    }),
  )
})

hash('a partition of a key', () => {
  assert.is(partitionOfKey('foobar', 7), (-790332482 & 0x7fffffff) % 7)
})

hash.run()
