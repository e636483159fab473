import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { slotOf } from '../../../src/drivers/redis/slot.ts'
import { Keys } from '../../../src/sources/redis-streams/keys.ts'
import { streamsSettings } from '../../../src/sources/redis-streams/options.ts'

/** Redis Cluster specification, "Hash tags". */
function slot(key: string): number {
  const tag = /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key
  const bytes = Buffer.from(tag)
  return slotOf(bytes, 0, bytes.length)
}

const test = suite('keys of a stream')

test('what belongs to a partition is in one slot, whatever the stream is called; partitions are not', () => {
  for (const stream of ['rows', '{app}rows', 'a{b}c']) {
    const keys = new Keys(stream, 'group')
    const slots = (partition: string) =>
      [
        keys.partition(partition),
        keys.lease(partition),
        keys.token(partition),
        keys.publisher(Number(partition), 'x'),
      ].map((key) => slot(key))
    assert.is(new Set(slots('3')).size, 1, stream)
  }
  const keys = new Keys('rows', 'group')
  const all = Array.from({ length: 8 }, (_, p) => slot(keys.partition(p)))
  assert.is(new Set(all).size, 8)
})

test('a name whose braces are no hash tag is refused', () => {
  for (const stream of ['a{}b', 'a{b', 'a}b', '{a}{b}', '{{a}}']) {
    assert.throws(() => streamsSettings({ stream }), /stream must be a name whose braces, if any, are one hash tag/)
  }
})

test.run()
