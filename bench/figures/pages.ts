import type { Figures, Measured } from './figures.ts'

const NOTHING = '–'

/** Where the tables stand in a page, and what its language calls their columns. */
export interface Words {
  readonly line: string
  readonly target: string
  readonly cpu: string
  readonly rates: string
}

/** A row for each line, with the ratio under each Node; CPU time and rows per second are those under the first one. */
export function allFigures(all: readonly Figures[], words: Words): string {
  const [first] = all
  const names = [...new Set(all.flatMap(({ lines }) => Object.keys(lines)))]
  const versions = all.map(({ node, sdk }) => `Node ${node}, SDK ${sdk}`)
  return tableOf(
    [words.line, words.target, ...versions, words.cpu, words.rates],
    names.map((name) => {
      const given = all.map(({ lines }) => lines[name])
      const target = given.find((one) => one !== undefined)?.target ?? NOTHING
      return [name, target, ...given.map(ratioOf), cpuOf(first?.lines[name]), first?.lines[name]?.figures ?? NOTHING]
    }),
  )
}

function ratioOf(line: Measured | undefined): string {
  return line === undefined ? NOTHING : `${shown(line.ratio)} (${shown(line.spread)}) ${line.met ? '✓' : '✗'}`
}

function cpuOf(line: Measured | undefined): string {
  return line === undefined || line.cpu + line.cpuOther === 0 ? NOTHING : `${shown(line.cpu)} / ${shown(line.cpuOther)}`
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** What README says of them. */
const SUMMARY = [
  ['append, with the OTel reporter', 'append', '`COPY` as text, by `pg-copy-streams`'],
  ['upsert', 'upsert', 'prepared `unnest`'],
] as const

/** Batches of both sizes, beside each other. */
export function summary({ lines }: Figures): string {
  const rows = SUMMARY.flatMap(([what, name, byHand]) => {
    const sizes = [lines[`${name} 500`], lines[`${name} 2000`]]
    if (sizes.includes(undefined)) throw new Error(`there are no figures of ${name}`)
    const both = sizes as Measured[]
    const each = (of: (line: Measured) => string) => both.map(of).join(' / ')
    const rates = (at: number) => each(({ figures }) => figures.replace(/ rows\/s$/, '').split(' against ')[at]!)
    return [
      [what, rates(0), `${rates(1)} (${byHand})`, `**${each(({ ratio }) => shown(ratio))}**`],
      ['– CPU a row', `${each(({ cpu }) => shown(cpu))} µs`, `${each(({ cpuOther }) => shown(cpuOther))} µs`, ''],
    ]
  })
  return tableOf(['batches of 500 / 2,000 rows', 'BatchFlow', 'by hand', 'ratio'], rows)
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
