import { getEventListeners } from 'node:events'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Cancellation } from '../../../src/drivers/kit/cancellation.ts'
import { thrownBy } from '../../support/assertions.ts'

const cancelling = suite('cancellation')
const forever = new Promise<never>(() => undefined)

function unexpected(): never {
  throw new Error('must not be called')
}

cancelling('without an abort nothing is cancelled, and the connection is fit', async () => {
  const { signal } = new AbortController()
  const cancellation = new Cancellation(signal, unexpected)
  assert.is(await cancellation.race(Promise.resolve('answer')), 'answer')
  assert.is(await cancellation.end(), true)
  assert.is(getEventListeners(signal, 'abort').length, 0)
})

cancelling(
  'an abort cancels once; the answer that follows counts, and the cancelling decides on the connection',
  async () => {
    for (const delivered of [true, false]) {
      const abort = new AbortController()
      let cancelled = 0
      const cancellation = new Cancellation(abort.signal, async () => {
        cancelled++
        return delivered
      })
      abort.abort()
      assert.is(await cancellation.race(Promise.resolve('answer')), 'answer')
      assert.is(await cancellation.end(), delivered)
      assert.is(cancelled, 1)
    }
  },
)

cancelling('one that fails leaves the connection unfit', async () => {
  const abort = new AbortController()
  const cancellation = new Cancellation(abort.signal, () => Promise.reject(new Error('no connection to spare')))
  abort.abort()
  assert.is(await cancellation.end(), false)
})

cancelling(
  'an answer that does not come is given up with the reason of the abort, and so is the connection',
  async () => {
    const abort = new AbortController()
    const cancellation = new Cancellation(abort.signal, () => forever)
    abort.abort('enough')
    assert.is(await thrownBy(() => cancellation.race(forever)), 'enough')
    assert.is(await cancellation.end(), false)
  },
)

cancelling('an abort after the end cancels nothing', async () => {
  const abort = new AbortController()
  const cancellation = new Cancellation(abort.signal, unexpected)
  await cancellation.end()
  abort.abort()
})

cancelling.run()
