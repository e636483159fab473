/** Mutants of the panels' queries, each put to the world whose answers are known. */
import { ASKED, type Asked, fineTestsOf, groupsOf, testsOf } from '../grafana/golden/views.ts'
import { complaints } from '../support/promtool/unit-tests.ts'
import { mutants } from './mutators.ts'
import type { Survivor, Tally } from './tally.ts'

interface Mutated {
  readonly what: string
  readonly asked: Asked
}

export function mutatePanels(promtool: string, isAsked: (title: string) => boolean): Tally {
  const all = ASKED.filter(({ title }) => isAsked(title)).map(mutationsOf)
  const files = all.map((mutations) => {
    return { rules: [], evaluation_interval: '1m', tests: groupsOf(mutations.map(({ asked }) => asked)) }
  })
  const said = complaints(promtool, files)
  const survivors = all.flatMap((mutations, i) => mutations.filter(({ asked }) => !isFound(asked, said[i] ?? '')))
  return {
    tried: all.flat().length,
    survivors: survivors.map(({ asked, what }): Survivor => ({ where: `${asked.title} [${asked.index}]`, what })),
  }
}

function mutationsOf(asked: Asked): readonly Mutated[] {
  return mutants(asked.expr).map(({ what, text }) => ({ what, asked: { ...asked, expr: text } }))
}

/** Whether promtool names a test of this query among those that failed. */
function isFound(asked: Asked, complaint: string): boolean {
  const tests = [...testsOf(asked), ...fineTestsOf(asked)]
  return tests.some(({ expr, eval_time }) => complaint.includes(`expr: ${JSON.stringify(expr)}, time: ${eval_time}`))
}
