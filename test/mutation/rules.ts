/** Mutants of the rules, each put to the cases of its rule. */
import { RULES } from '../../collector/rules/generate.ts'
import type { Rule } from '../../collector/rules/rule.ts'
import { type Case, filesOf, neededBy, rulesUnderTest } from '../collector/rules/case.ts'
import { CASES } from '../collector/rules/cases.ts'
import { complaints } from '../support/promtool/unit-tests.ts'
import { mutants } from './mutators.ts'
import { type Survivor, type Tally, tell } from './tally.ts'

interface Mutated {
  readonly what: string
  readonly rule: Rule
}

export function mutateRules(promtool: string, isAsked: (name: string) => boolean): Tally {
  const results = RULES.filter((rule) => isAsked(nameOf(rule))).map((rule) => mutateRule(promtool, rule))
  return {
    tried: results.reduce((sum, { tried }) => sum + tried, 0),
    survivors: results.flatMap(({ survivors }) => survivors),
  }
}

function mutateRule(promtool: string, rule: Rule): Tally {
  const name = nameOf(rule)
  const cases = CASES.filter((one) => neededBy(one, rulesUnderTest(RULES)).some((needed) => needed.name === name))
  const all = mutationsOf(rule)
  const files = all.flatMap((mutated, i) => filesFor(cases, rule, mutated.rule).map((file) => ({ file, i })))
  const said = complaints(
    promtool,
    files.map(({ file }) => file),
  )
  const killed = new Set(files.filter((_, k) => said[k] !== '').map(({ i }) => i))
  const survivors = all.filter((_, i) => !killed.has(i)).map(({ what }): Survivor => ({ where: name, what }))
  for (const survivor of survivors) tell(survivor)
  console.error(`${name}: ${all.length}`)
  return { tried: all.length, survivors }
}

function nameOf(rule: Rule): string {
  return 'record' in rule ? rule.record : rule.alert
}

function filesFor(cases: readonly Case[], rule: Rule, mutated: Rule) {
  return filesOf(cases, rulesUnderTest(RULES.map((other) => (other === rule ? mutated : other))))
}

function mutationsOf(rule: Rule): readonly Mutated[] {
  const queries = mutants(rule.expr).map(({ what, text }) => ({ what, rule: { ...rule, expr: text } }))
  if (!('alert' in rule) || rule.for === undefined) return queries
  const { for: wait, ...rest } = rule
  const seconds = Number.parseInt(wait, 10) * (wait.endsWith('m') ? 60 : 1)
  const waits = [
    { what: `for: ${wait} → nothing`, rule: rest },
    ...[0.5, 2].map((by) => ({ what: `for: ${wait} × ${by}`, rule: { ...rule, for: `${seconds * by}s` } })),
  ]
  return [...queries, ...waits]
}
