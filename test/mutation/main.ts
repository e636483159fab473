/**
 * Puts mistakes into the alerts, the recording rules and the panels, one at a time, and sees that a test notices:
 *
 *     npm run mutate:monitoring [-- rules | panels] [part of a rule's or panel's name …]
 *
 * Prints the survivors; the exit code is 1 when one of them has no justification.
 */
import { findProgram, findTools } from '../monitoring/tools.ts'
import { JUSTIFIED } from './justified.ts'
import { mutatePanels } from './panels.ts'
import { mutateRules } from './rules.ts'
import type { Survivor } from './tally.ts'

const RUNS = { panels: mutatePanels, rules: mutateRules } as const

function justification({ where, what }: Survivor): string | undefined {
  return JUSTIFIED.find((one) => one.where.test(where) && one.what.test(what))?.why
}

function report(name: keyof typeof RUNS, promtool: string, parts: readonly string[]): boolean {
  const isAsked = (title: string) => parts.length === 0 || parts.some((part) => title.includes(part))
  const { tried, survivors } = RUNS[name](promtool, isAsked)
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

const promtool = findTools()?.promtool ?? findProgram('promtool')
if (promtool === undefined) throw new Error('there is no promtool: collector/build.sh')
const all = Object.keys(RUNS) as (keyof typeof RUNS)[]
const asked = process.argv.slice(2)
const parts = asked.filter((word) => !(word in RUNS))
const names = all.filter((name) => asked.length === parts.length || asked.includes(name))
if (!names.map((name) => report(name, promtool, parts)).every(Boolean)) process.exitCode = 1
