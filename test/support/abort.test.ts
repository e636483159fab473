import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { onAbort, unlessAborted } from '../../src/support/abort.ts'
import { thrownBy } from './assertions.ts'
import { collected } from './garbage.ts'

const test = suite('aborts')

test('what was to be done at an abort is done once and forgotten, however long the signal lives', async () => {
  const controller = new AbortController()
  let done = 0
  const held = (() => {
    const row = { act: () => done++ }
    onAbort(controller.signal, row.act)
    return new WeakRef(row.act)
  })()
  controller.abort()
  await collected()
  assert.is(done, 1)
  assert.is(held.deref(), undefined)
})

test('a promise that is left because of an abort may still reject, and nobody is bothered', async () => {
  const controller = new AbortController()
  let reject!: (error: Error) => void
  const slow = new Promise((_, fail) => (reject = fail))
  const left = thrownBy(() => unlessAborted(slow, controller.signal))
  controller.abort('enough')
  assert.is(await left, 'enough')
  const again = thrownBy(() => unlessAborted(slow, controller.signal))
  assert.is(await again, 'enough')
  reject(new Error('too late'))
  await new Promise((resolve) => setImmediate(resolve))
})

test.run()
