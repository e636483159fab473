import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NATIVE_RULES, RULES, stale } from '../../collector/rules/generate.ts'
import type { Rule } from '../../collector/rules/rule.ts'
import { findProgram, findTools } from '../monitoring/tools.ts'
import { failures } from '../support/promtool/unit-tests.ts'
import { filesOf, rulesUnderTest } from './rules/case.ts'
import { CASES } from './rules/cases.ts'
import { NATIVE_CASES } from './rules/native.ts'

const nameOf = (rule: Rule) => ('record' in rule ? rule.record : rule.alert)
const promtool = findTools()?.promtool ?? findProgram('promtool')

test('what is committed is what the source makes', () => {
  assert.equal(stale(), [], 'run npx tsx collector/rules/generate.ts')
})

if (promtool !== undefined) {
  test('every case of the rules holds', () => {
    assert.is(failures(promtool, filesOf(CASES, rulesUnderTest(RULES))), '')
  })

  test('where histograms are native the rules say the same', () => {
    assert.is(failures(promtool, filesOf(NATIVE_CASES, rulesUnderTest(NATIVE_RULES))), '')
  })
}

test('the native file records all that the classic one does', () => {
  assert.equal(NATIVE_RULES.map(nameOf).sort(), RULES.map(nameOf).sort())
})

test('every alert has a case in which it fires, one in which it speaks, and times at which it is silent', () => {
  for (const rule of RULES) {
    if (!('alert' in rule)) continue
    const cases = CASES.filter(({ alert }) => alert === rule.alert)
    const times = cases.flatMap(({ firing = {} }) => Object.values(firing))
    assert.ok(
      times.some((sets) => sets.length > 0),
      `${rule.alert} never fires`,
    )
    assert.ok(
      times.some((sets) => sets.length === 0),
      `${rule.alert} is never silent`,
    )
    assert.ok(
      cases.some(({ says }) => says !== undefined),
      `${rule.alert} never speaks`,
    )
  }
})

test.run()
