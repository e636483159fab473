import type { Contender } from '../support/compare.ts'
import { median } from '../turns.ts'

/** What one turn took. */
export interface Turn {
  readonly seconds: number
  /** CPU time of the client's process, in µs. */
  readonly cpu: number
}

/** Rows per second, CPU time per row (µs), and how many times the first contender does as well, in the same round. */
export interface Figures {
  readonly rate: number
  readonly cpu: number
  readonly rateRatio: number
  readonly cpuRatio: number
}

export interface Timed extends Omit<Contender, 'run'> {
  readonly run: () => Promise<Turn>
}

/** Measures what runs in this process. */
export function here(run: () => Promise<unknown>): () => Promise<Turn> {
  return async () => {
    const start = performance.now()
    const used = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(used)
    return { seconds: (performance.now() - start) / 1000, cpu: user + system }
  }
}

/** Keeps what each turn took: the CPU time of another process is not what `alternate` sees. */
export class Turns {
  readonly #taken = new Map<string, { readonly rows: number; readonly turns: Turn[] }>()

  contender({ run, ...contender }: Timed): Contender {
    const turns: Turn[] = []
    this.#taken.set(contender.name, { rows: contender.rows, turns })
    return { ...contender, run: async () => turns.push(await run()) }
  }

  /** The medians, without the first turn, which warms up. */
  figures(): Record<string, Figures> {
    const rounds = Array.from(this.#taken, ([name, { rows, turns }]) => {
      const counted = turns.slice(1)
      return { name, rates: counted.map(({ seconds }) => rows / seconds), costs: counted.map(({ cpu }) => cpu / rows) }
    })
    const [first] = rounds
    const figures = rounds.map(({ name, rates, costs }) => [
      name,
      {
        rate: Math.round(median(rates)),
        cpu: median(costs),
        rateRatio: median(rates.map((rate, round) => first!.rates[round]! / rate)),
        cpuRatio: median(costs.map((cost, round) => cost / first!.costs[round]!)),
      },
    ])
    return Object.fromEntries(figures)
  }
}
