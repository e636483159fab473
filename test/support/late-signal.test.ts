import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LateSignal } from '../../src/support/late-signal.ts'

const test = suite('late signal')

test('tells those who have its signal, once, with the first reason', () => {
  const late = new LateSignal()
  const { signal } = late
  let told = 0
  signal.addEventListener('abort', () => told++)
  assert.is(late.signal, signal)
  assert.not.ok(late.aborted || signal.aborted)
  late.abort('first')
  late.abort('second')
  assert.equal([late.aborted, late.reason, signal.aborted, signal.reason, told], [true, 'first', true, 'first', 1])
})

test('who asks for the signal afterwards finds it aborted', () => {
  const late = new LateSignal()
  late.abort('early')
  assert.equal([late.signal.aborted, late.signal.reason], [true, 'early'])
})

test.run()
