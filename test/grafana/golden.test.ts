import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findProgram, findTools } from '../monitoring/tools.ts'
import { failures } from '../support/promtool/unit-tests.ts'
import { ANSWERS } from './golden/answers.ts'
import { ASKED, ASKED_NATIVE, groupsOf, nativeGroup } from './golden/views.ts'

const promtool = findTools()?.promtool ?? findProgram('promtool')

test('an answer is known to every query of every panel', () => {
  const known = Object.entries(ANSWERS).flatMap(([title, answers]) => answers.map((_, i) => `${title} ${i}`))
  assert.equal(ASKED.map(({ title, index }) => `${title} ${index}`).sort(), known.sort())
})

if (promtool !== undefined) {
  test('every query answers what it should: narrowed down, with everything, and while nothing happens', () => {
    assert.is(failures(promtool, [{ rules: [], evaluation_interval: '1m', tests: groupsOf(ASKED) }]), '')
  })

  test('of native histograms the same queries answer the same', () => {
    assert.is(failures(promtool, [{ rules: [], evaluation_interval: '1m', tests: [nativeGroup()] }]), '')
  })
}

test('no query of the native dashboard is left with a bucket, or with the series of a sum or a count', () => {
  const left = ASKED_NATIVE.filter(({ expr }) => /_bucket|seconds_(sum|count)|size_(sum|count)|\ble\b/.test(expr))
  assert.equal(left, [])
  assert.ok(ASKED_NATIVE.some(({ expr }, i) => expr !== ASKED[i]?.expr))
})

test.run()
