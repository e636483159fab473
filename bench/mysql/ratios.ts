import type { Contender } from '../support/compare.ts'
import { median } from '../turns.ts'

/** One turn: rows per second, and CPU time per row of this process (µs). */
interface Turn {
  readonly rate: number
  readonly cpu: number
}

/** Middle, least and most. */
type Spread = readonly [median: number, min: number, max: number]

/** A contender against the last one, round by round: what disturbs a round disturbs both. */
export interface Ratios {
  readonly rate: Spread
  readonly cpu: Spread
}

/** Remembers the turns of contenders. */
export class Rounds {
  readonly #turns = new Map<string, Turn[]>()

  /** @returns the contender, to be run in place of it */
  observe(contender: Contender): Contender {
    const turns: Turn[] = []
    this.#turns.set(contender.name, turns)
    const run = async () => {
      const start = performance.now()
      const used = process.cpuUsage()
      await contender.run()
      const { user, system } = process.cpuUsage(used)
      const { rows } = contender
      turns.push({ rate: rows / ((performance.now() - start) / 1000), cpu: (user + system) / rows })
    }
    return { ...contender, run }
  }

  /** The first round, in which code gets compiled and statements get prepared, does not count. */
  ratios(): Record<string, Ratios> {
    const all = [...this.#turns].map(([name, turns]) => [name, turns.slice(1)] as const)
    const [, reference] = all.at(-1)!
    const of = (turns: readonly Turn[], what: keyof Turn) =>
      spread(turns.map((turn, round) => turn[what] / reference[round]![what]))
    return Object.fromEntries(
      all.slice(0, -1).map(([name, turns]) => [name, { rate: of(turns, 'rate'), cpu: of(turns, 'cpu') }]),
    )
  }
}

function spread(values: readonly number[]): Spread {
  const rounded = [median(values), Math.min(...values), Math.max(...values)].map((value) => Number(value.toFixed(2)))
  return rounded as unknown as Spread
}
