import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Bench } from '../support/case.ts'
import { median } from '../support/compare.ts'

/** The highest resident memory while ten times as many rows go into a database that is slower than who submits them. */
export default async (bench: Bench) => {
  const [few, many] = bench.settings.quick ? [20_000, 200_000] : [1_000_000, 10_000_000]
  bench.say(`a database that takes 100,000 rows a second: ${few} rows, and ${many}`)
  const [less, more] = [await peakOf(few), await peakOf(many)]
  bench.say(`  ${megabytes(less.peak)} and ${megabytes(more.peak)}`)
  bench.add({
    name: 'memory',
    target: '≤ 1.1',
    ratio: more.peak / less.peak,
    spread: 0,
    cpu: more.cpu,
    cpuOther: less.cpu,
    figures: `${megabytes(more.peak)} against ${megabytes(less.peak)}`,
  })
}

interface Peak {
  /** kB */
  readonly peak: number
  /** µs a row. */
  readonly cpu: number
}

/** Of three processes, as how much a collector leaves lying differs; one where rows are many. */
async function peakOf(rows: number): Promise<Peak> {
  const peaks: Peak[] = []
  for (let turn = 0; turn < (rows > 1_000_000 ? 1 : 3); turn++) {
    const child = fork(new URL('../support/memory-process.ts', import.meta.url), [String(rows)], {
      execArgv: ['--import', 'tsx'],
    })
    const [peak] = (await once(child, 'message')) as [Peak]
    peaks.push(peak)
  }
  return { peak: median(peaks.map(({ peak }) => peak)), cpu: median(peaks.map(({ cpu }) => cpu)) }
}

function megabytes(kilobytes: number): string {
  return `${(kilobytes / 1024).toFixed(0)} MB`
}
