import { type Contender, type Cost, compare, median } from './compare.ts'
import { type Line, speedOf, thousands, type Yardstick } from './line.ts'

/** What a case is to do. */
export interface Settings {
  /** Rows of one turn, for work that a database takes some µs a row for. */
  readonly rows: number
  readonly rounds: number
  readonly yardstick: Yardstick
  readonly quick: boolean
}

/** What one file of `cases` exports: what it measures, as lines of the table. `undefined`: it cannot be done here. */
export type Case = (bench: Bench) => Promise<void>

/** Two contenders of a comparison, and how many times as fast the first one should be. */
export interface Pair {
  readonly name: string
  readonly target: string
  readonly of: readonly [string, string]
  /** @default what all lines are judged by */
  readonly by?: Yardstick
}

/** A pair that is judged by both yardsticks. */
export function bothWays({ name, ...pair }: Omit<Pair, 'by'>): Pair[] {
  return [
    { name: `${name}, rows/s`, ...pair, by: 'time' },
    { name: `${name}, CPU`, ...pair, by: 'cpu' },
  ]
}

/** Where a case puts what it measured. */
export class Bench {
  readonly settings: Settings
  readonly lines: Line[] = []

  constructor(settings: Settings) {
    this.settings = settings
  }

  /** Lets contenders take turns, and adds a line for each pair of them. */
  async compare(title: string, contenders: readonly Contender[], pairs: readonly Pair[]): Promise<void> {
    const { rounds, yardstick } = this.settings
    this.say(title)
    const costs = await compare(contenders, rounds)
    for (const [name, taken] of costs) this.say(`  ${name.padEnd(24)} ${summary(taken)}`)
    for (const { name, target, of, by = yardstick } of pairs) this.add({ name, target, ...speedOf(costs, of, by) })
  }

  add(line: Line): void {
    this.lines.push(line)
  }

  /** Progress goes to standard error. */
  say(text: string): void {
    console.error(text)
  }
}

function summary(costs: readonly Cost[]): string {
  const rate = thousands(1e6 / median(costs.map(({ time }) => time)))
  return `${rate.padStart(6)} rows/s  ${median(costs.map(({ cpu }) => cpu)).toFixed(2)} µs CPU a row`
}
