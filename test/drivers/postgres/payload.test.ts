import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Payload } from '../../../src/drivers/postgres/payload.ts'
import { WriterPool } from '../../../src/drivers/postgres/writer.ts'

test('the bytes of a payload are free when its owner and every socket are done, in any order', () => {
  for (const order of [
    ['owner', 'first', 'second'],
    ['first', 'owner', 'second'],
    ['first', 'second', 'owner'],
  ]) {
    const pool = new WriterPool()
    const writer = pool.take()
    const payload = new Payload('COPY', 'text', [], writer, pool)
    payload.hold()
    payload.hold()
    for (const [i] of order.entries()) {
      payload.drop()
      const next = pool.take()
      assert.is(next === writer, i === 2, `after ${i + 1} of ${order.join(', ')}`)
    }
  }
})

test.run()
