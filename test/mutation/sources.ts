/** Mutants of the code that records, renders and serves metrics and traces, each put to the unit tests that reach it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SourceMutant } from './instrument.ts'
import { type Survivor, type Tally, tell } from './tally.ts'
import { Workspace } from './workspace.ts'

/** Some wait most of the time. */
const AT_ONCE = 4
/** But not what the live page draws: that is tested in a real browser, whose code is a bundle. */
const MUTATED = /^src\/(?:telemetry|prometheus)\/(?!live\/).*\.ts$/
/** Those of the code, and of what reports to it. A bundle of mutants is another one; chance would find no mutant twice. */
const TESTS =
  /^test\/(?:telemetry|prometheus|consume|sources\/spool\/tracing)(?:\/.*)?(?<!live\/bundle|\.property)\.test\.ts$/
const LONG = 60

export async function mutateSources(isAsked: (path: string) => boolean): Promise<Tally> {
  const place = await Workspace.open(
    (path) => MUTATED.test(path) && isAsked(path),
    (path) => TESTS.test(path),
  )
  const runs = await each(place.tests, (test) => place.try(test))
  for (const [i, test] of place.tests.entries())
    if (runs[i] === undefined) console.log(`left out, red without a mutant: ${test}`)
  const green = runs.filter((run) => run !== undefined).sort((a, b) => a.milliseconds - b.milliseconds)
  const survivors = await each(place.mutants, async (mutant) => {
    if (await place.kills(green, mutant)) return []
    const survivor = described(mutant)
    tell(survivor)
    return [survivor]
  })
  return { tried: place.mutants.length, survivors: survivors.flat() }
}

/** In order, a few at once; tells how far it is. */
async function each<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) {
      results[i] = await work(items[i]!)
      if (next % 100 === 0) console.error(`${next} of ${items.length}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return results
}

function described({ fileName, location: { start, end }, mutatorName, replacement }: SourceMutant): Survivor {
  const lines = readFileSync(join(import.meta.dirname, '../..', fileName), 'utf8').split('\n')
  const first = lines[start.line] ?? ''
  const original = start.line === end.line ? first.slice(start.column, end.column) : `${first.slice(start.column)}…`
  const short = (text: string) => text.replace(/\s+/g, ' ').slice(0, LONG)
  return {
    where: `${fileName}:${start.line + 1}:${start.column + 1}`,
    what: `${mutatorName} ${short(original)} → ${short(replacement)}`,
  }
}
