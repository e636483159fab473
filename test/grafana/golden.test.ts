import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findProgram, findTools } from '../monitoring/tools.ts'
import { failures } from '../support/promtool/unit-tests.ts'
import { ANSWERS } from './golden/answers.ts'
import { ASKED, testsOf } from './golden/views.ts'
import { inputSeries } from './golden/world.ts'

const promtool = findTools()?.promtool ?? findProgram('promtool')

test('an answer is known to every query of every panel', () => {
  const known = Object.entries(ANSWERS).flatMap(([title, answers]) => answers.map((_, i) => `${title} ${i}`))
  assert.equal(ASKED.map(({ title, index }) => `${title} ${index}`).sort(), known.sort())
})

if (promtool !== undefined) {
  test('every query answers what it should: narrowed down, with everything, and while nothing happens', () => {
    const tests = [
      { name: 'golden', interval: '1m', input_series: inputSeries(), promql_expr_test: ASKED.flatMap(testsOf) },
    ]
    assert.is(failures(promtool, [{ rules: [], evaluation_interval: '1m', tests }]), '')
  })
}

test.run()
