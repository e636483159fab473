/**
 * Puts mistakes into the alerts, the recording rules, the panels and the code behind the metrics and traces, one at a time, and
 * sees that a test notices:
 *
 *     npm run mutate:monitoring [-- rules | panels | sources] [part of a rule's, a panel's or a file's name …]
 *
 * Prints the survivors; the exit code is 1 when one of them has no justification.
 */
import { findProgram, findTools } from '../monitoring/tools.ts'
import { JUSTIFIED } from './justified.ts'
import { mutatePanels } from './panels.ts'
import { mutateRules } from './rules.ts'
import { mutateSources } from './sources.ts'
import type { Survivor, Tally } from './tally.ts'

type IsAsked = (title: string) => boolean

const RUNS = {
  panels: (isAsked: IsAsked) => mutatePanels(promtool(), isAsked),
  rules: (isAsked: IsAsked) => mutateRules(promtool(), isAsked),
  sources: mutateSources,
} satisfies Record<string, (isAsked: IsAsked) => Tally | Promise<Tally>>

function promtool(): string {
  const program = findTools()?.promtool ?? findProgram('promtool')
  if (program === undefined) throw new Error('there is no promtool: collector/build.sh')
  return program
}

function justification({ where, what }: Survivor): string | undefined {
  return JUSTIFIED.find((one) => one.where.test(where) && one.what.test(what))?.why
}

async function report(name: keyof typeof RUNS, parts: readonly string[]): Promise<boolean> {
  const isAsked = (title: string) => parts.length === 0 || parts.some((part) => title.includes(part))
  const { tried, survivors } = await RUNS[name](isAsked)
  for (const survivor of survivors) {
    const why = justification(survivor)
    console.log(
      `${why === undefined ? 'SURVIVED' : 'survived'} ${survivor.where}: ${survivor.what}${why === undefined ? '' : ` (${why})`}`,
    )
  }
  const unjustified = survivors.filter((survivor) => justification(survivor) === undefined)
  console.log(
    `${name}: ${tried} mutants, ${survivors.length} survivors, ${unjustified.length} of them without a justification`,
  )
  return unjustified.length === 0
}

const all = Object.keys(RUNS) as (keyof typeof RUNS)[]
const asked = process.argv.slice(2)
const parts = asked.filter((word) => !(word in RUNS))
const names = all.filter((name) => asked.length === parts.length || asked.includes(name))
for (const name of names) if (!(await report(name, parts))) process.exitCode = 1
