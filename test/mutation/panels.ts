/** Mutants of the panels' queries, each put to the world whose answers are known. */
import { ASKED, type Asked, testsOf } from '../grafana/golden/views.ts'
import { inputSeries } from '../grafana/golden/world.ts'
import { complaints, type ExprTest, type TestFile } from '../support/promtool/unit-tests.ts'
import { mutants } from './mutators.ts'
import type { Survivor, Tally } from './tally.ts'

export function mutatePanels(promtool: string): Tally {
  const all = ASKED.flatMap((asked) => mutants(asked.expr).map(({ what, text }) => ({ what, asked, text })))
  const files = ASKED.map((asked) =>
    fileOf(all.filter((one) => one.asked === asked).flatMap(({ text }) => testsFor(asked, text))),
  )
  const said = complaints(promtool, files)
  const survivors = all.filter(({ asked, text }) => {
    const complaint = said[ASKED.indexOf(asked)] ?? ''
    return testsFor(asked, text).every(({ expr, eval_time }) => !complaint.includes(complained(expr, eval_time)))
  })
  return {
    tried: all.length,
    survivors: survivors.map(({ asked, what }): Survivor => ({ where: `${asked.title} [${asked.index}]`, what })),
  }
}

function testsFor(asked: Asked, text: string): readonly ExprTest[] {
  return testsOf({ ...asked, expr: text })
}

/** How promtool names a test that failed. */
function complained(expr: string, time: string): string {
  return `expr: ${JSON.stringify(expr)}, time: ${time}`
}

function fileOf(tests: readonly ExprTest[]): TestFile {
  const group = { name: 'mutants', interval: '1m', input_series: inputSeries(), promql_expr_test: tests }
  return { rules: [], evaluation_interval: '1m', tests: [group] }
}
