import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { inSlices } from '../../src/prometheus/slices.ts'

const test = suite('slices')

test('the pieces are put together in order', async () => {
  assert.is((await inSlices(['a', '', 'µ\n', 'c'])).toString(), 'aµ\nc')
  assert.is((await inSlices([])).byteLength, 0)
})

function busy(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

test('other work has its turn between slices, each of which is made of what was ready', async () => {
  const order: string[] = []
  function* slow() {
    for (const piece of ['a', 'b']) {
      setImmediate(() => order.push(`others after ${piece}`))
      busy(10)
      order.push(piece)
      yield piece
    }
  }
  assert.is((await inSlices(slow())).toString(), 'ab')
  assert.equal(order, ['a', 'others after a', 'b', 'others after b'])
})

test('what is quick is not interrupted', async () => {
  let interrupted = false
  setImmediate(() => {
    interrupted = true
  })
  await inSlices(['a', 'b'])
  assert.is(interrupted, false)
})

test.run()
