import { Writable } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { showProgress, thousands } from '../../../examples/demo/progress.ts'

const half = { rows: 1_500, queued: 12_345, inflight: 4, errors: 1 }

/** A stream to stderr that is, or is not, a terminal. */
function screen(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = ''
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      text += String(chunk)
      done()
    },
  })
  Object.assign(stream, { isTTY, columns: 120, rows: 40 })
  return { stream: stream as NodeJS.WriteStream, text: () => text }
}

test('where there is no terminal, the load is plain lines', () => {
  const { stream, text } = screen(false)
  const progress = showProgress(stream)
  progress.say('loading')
  progress.watch(3_000, () => half)()
  assert.match(text(), /^loading\n 50 % {2}1,500 flights {2}[\d,]+\/s {2}queue 12,345 {2}in flight 4 {2}errors 1\n$/)
})

test('on a terminal it is a bar', () => {
  const { stream, text } = screen(true)
  showProgress(stream).watch(3_000, () => half)()
  assert.match(text(), /█{14}░{14} {3}50 % {2}1,500 flights/)
})

test('the timer is gone when the load is over', () => {
  const { stream, text } = screen(false)
  const done = showProgress(stream).watch(1, () => ({ ...half, rows: 1 }))
  done()
  assert.match(text(), /100 %/)
  assert.equal(
    process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout'),
    [],
  )
})

test('numbers are grouped and whole', () => {
  assert.is(thousands(1_234_567.8), '1,234,568')
  assert.is(thousands(0), '0')
})

test.run()
