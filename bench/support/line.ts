import { type Costs, median, quantile } from './compare.ts'

/** One line of the table at the end. */
export interface Line {
  readonly name: string
  /** As it is written: `≥ 1.5`. */
  readonly target: string
  /** Median of the ratios of each round. */
  readonly ratio: number
  /** Distance of their quartiles. */
  readonly spread: number
  /** µs of CPU time a row. */
  readonly cpu: number
  /** µs of CPU time a row of what it is compared with. */
  readonly cpuOther: number
  /** What it looks like in absolute figures. */
  readonly figures: string
}

/** What is compared: rows per second, or rows per second of CPU time. */
export type Yardstick = 'time' | 'cpu'

/** Whether `ratio` is what `target` asks for. */
export function isMet({ target, ratio }: Pick<Line, 'target' | 'ratio'>): boolean {
  const [sign, value] = target.split(' ')
  return sign === '≥' ? ratio >= Number(value) : ratio <= Number(value)
}

/** How many times as fast `one` is as `other`. */
export function speedOf(
  costs: Costs,
  [one, other]: readonly [string, string],
  yardstick: Yardstick,
): Omit<Line, 'name' | 'target'> {
  const [ours, theirs] = [costs.get(one)!, costs.get(other)!]
  const ratios = ours.map((cost, round) => theirs[round]![yardstick] / cost[yardstick])
  const cpu = (of: typeof ours) => median(of.map((cost) => cost.cpu))
  const rate = (of: typeof ours) => thousands(1e6 / median(of.map((cost) => cost.time)))
  return {
    ...spreadOf(ratios),
    cpu: cpu(ours),
    cpuOther: cpu(theirs),
    figures: `${rate(ours)} against ${rate(theirs)} rows/s`,
  }
}

/** The median of the ratios of each round, and the distance of their quartiles. */
export function spreadOf(ratios: readonly number[]): Pick<Line, 'ratio' | 'spread'> {
  return { ratio: median(ratios), spread: quantile(ratios, 0.75) - quantile(ratios, 0.25) }
}

/** The table of all lines. */
export function tableOf(lines: readonly Line[]): string {
  const head = ['', 'target', 'ratio', 'spread', 'CPU µs a row', '']
  const body = lines.map((line) => [
    line.name,
    line.target,
    `${line.ratio.toFixed(3)}${isMet(line) ? '  ' : ' ✗'}`,
    line.spread.toFixed(3),
    `${line.cpu.toFixed(2)} / ${line.cpuOther.toFixed(2)}`,
    line.figures,
  ])
  const rows = [head, ...body]
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** What `--json` prints. */
export function jsonOf(lines: readonly Line[]): string {
  const round = (value: number) => Math.round(value * 1000) / 1000
  const entry = ({ target, ratio, spread, cpu, cpuOther, figures, ...line }: Line) => ({
    target,
    ratio: round(ratio),
    spread: round(spread),
    cpu: round(cpu),
    cpuOther: round(cpuOther),
    met: isMet({ ...line, target, ratio }),
    figures,
  })
  return JSON.stringify(Object.fromEntries(lines.map((line) => [line.name, entry(line)])))
}

export function thousands(rate: number): string {
  return rate >= 1e6 ? `${(rate / 1e6).toFixed(1)}M` : `${(rate / 1e3).toFixed(rate < 1e4 ? 1 : 0)}k`
}
