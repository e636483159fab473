/**
 * Keeps what was measured, and writes it into README.md and the pages on performance:
 *
 *     npm run --silent bench -- --json | npx tsx bench/figures/figures.ts keep     a run of all cases, or of some
 *     npx tsx bench/figures/figures.ts [--check]                                   the pages from what is kept
 *
 * Each Node has a file of its own. With `--check` nothing is written; the exit code is 1 when a page is stale.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { allFigures, summary } from './pages.ts'

/** A line of `npm run bench -- --json`. */
export interface Measured {
  readonly target: string
  readonly ratio: number
  readonly spread: number
  /** µs of CPU time a row, ours and theirs. */
  readonly cpu: number
  readonly cpuOther: number
  readonly met: boolean
  readonly figures: string
}

/** What was measured on one Node, with one SDK. */
export interface Figures {
  readonly node: string
  readonly sdk: string
  readonly lines: Readonly<Record<string, Measured>>
}

const HERE = import.meta.dirname
const ROOT = join(HERE, '../..')
/** Version 3 exports it no more. */
const SDK = 'node_modules/@opentelemetry/sdk-metrics/package.json'

const ENGLISH = { line: 'line', target: 'target', cpu: 'CPU µs a row', rates: 'in figures' }
const CHINESE = { line: '行', target: '目标', cpu: '每行 CPU µs', rates: '数值' }

const PAGES: Readonly<Record<string, (all: readonly Figures[]) => string>> = {
  'README.md': ([first]) => summary(first!),
  'docs/performance.md': (all) => allFigures(all, ENGLISH),
  'docs/zh-CN/performance.md': (all) => allFigures(all, CHINESE),
}

const BEGIN = '<!-- figures: generated from bench/figures -->'
const END = '<!-- figures: end -->'

function kept(): Figures[] {
  const files = readdirSync(HERE).filter((file) => file.endsWith('.json'))
  return files.sort().map((file) => JSON.parse(readFileSync(join(HERE, file), 'utf8')) as Figures)
}

/** Takes lines in the place of those of the same name that were kept. The others stay. */
function keep(printed: string): void {
  const lines = JSON.parse(printed.trim().split('\n').at(-1)!) as Figures['lines']
  const node = process.versions.node
  const file = join(HERE, `node-${node.split('.')[0]}.json`)
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Figures).lines : {}
  const sdk: string = JSON.parse(readFileSync(join(ROOT, SDK), 'utf8')).version
  const figures: Figures = { node, sdk, lines: { ...before, ...lines } }
  writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`)
}

/** The page with its table made anew. */
function renewed(name: string, page: string, table: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${name} needs the lines ${BEGIN} and ${END}`)
  return `${page.slice(0, begin)}${BEGIN}\n\n${table}\n\n${page.slice(end)}`
}

function writePages(check: boolean): void {
  const all = kept()
  for (const [name, tableOf] of Object.entries(PAGES)) {
    const path = join(ROOT, name)
    const page = readFileSync(path, 'utf8')
    const fresh = renewed(name, page, tableOf(all))
    if (!check) writeFileSync(path, fresh)
    else if (page !== fresh) {
      console.error(`${name} is stale: run npx tsx bench/figures/figures.ts`)
      process.exitCode = 1
    }
  }
}

if (process.argv.includes('keep')) keep(await text(process.stdin))
writePages(process.argv.includes('--check'))
