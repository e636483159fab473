/**
 * Measures what BatchFlow costs and gains, beside what one would write by hand:
 *
 *     npm run bench                              every case
 *     npm run bench -- append engine             these alone
 *     npm run bench -- --quick                   all of them in less than a minute, to see that they work
 *     npm run bench -- --cpu                     ratios of CPU time a row: for busy machines
 *     npm run bench -- --json                    the last line of standard output is one JSON object
 *
 * It measures the package as users get it, built before where it is older than its sources. Machines are shared and noisy, so
 * contenders take turns within one run and only ratios are judged.
 */
import { fork, spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import type { Settings } from './support/case.ts'
import { jsonOf, type Line, tableOf } from './support/line.ts'

const HERE = import.meta.dirname
const ROOT = join(HERE, '..')
const CASES = readdirSync(join(HERE, 'cases')).map((file) => file.replace(/\.ts$/, ''))

interface Options {
  readonly json?: true
  readonly quick?: true
  readonly cpu?: true
  readonly rows?: number
  readonly rounds?: number
}

async function main(names: readonly string[], options: Options): Promise<void> {
  build()
  const settings: Settings = {
    rows: options.rows ?? (options.quick ? 20_000 : 200_000),
    rounds: options.rounds ?? (options.quick ? 2 : 7),
    yardstick: options.cpu ? 'cpu' : 'time',
    quick: options.quick ?? false,
  }
  const load = () => loadavg()[0]!.toFixed(1)
  console.error(`load of the machine before: ${load()}`)
  const lines: Line[] = []
  // Each in a process of its own: what V8 has learned from one would slow down the next.
  for (const group of options.quick ? [names] : names.map((name) => [name])) {
    await run(group, settings, lines).catch((error: Error) => {
      console.error(error.message) // what the others have to say counts nevertheless
      process.exitCode = 1
    })
  }
  console.error(`\n${tableOf(lines)}\n\nratios of ${options.cpu ? 'CPU time' : 'rows/s'}; load after: ${load()}`)
  if (options.json) console.log(jsonOf(lines))
}

/** Where the built package is missing, or older than its sources. */
function build(): void {
  const newest = Math.max(...filesIn(join(ROOT, 'src')).map((file) => statSync(file).mtimeMs))
  const built = statSync(join(ROOT, 'dist/index.mjs'), { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (built > newest) return
  console.error('building')
  const { status } = spawnSync('npm', ['run', '--silent', 'build', '--', '--logLevel', 'error'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Error('the package could not be built')
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

/** Runs cases one after the other in one process; what they measure goes to `lines`. */
function run(names: readonly string[], settings: Settings, lines: Line[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(join(HERE, 'support/run-cases.ts'), [JSON.stringify(settings), ...names], {
      execArgv: ['--import', 'tsx', '--expose-gc', '--max-semi-space-size=64', '--disable-warning=ExperimentalWarning'],
      // Without the paths of the root's tsconfig.json, `batchflow-otel` is what package.json says: the built package.
      env: { ...process.env, TSX_TSCONFIG_PATH: join(HERE, 'tsconfig.json') },
      stdio: ['ignore', 2, 2, 'ipc'],
    })
    child.on('message', (line) => lines.push(line as Line))
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${names.join(', ')} ended with ${code}`))
    })
  })
}

function positive(given: string): number {
  const value = Number(given)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('must be a positive integer.')
}

function known(name: string, before: string[] = []): string[] {
  if (CASES.includes(name)) return [...before, name]
  throw new InvalidArgumentError(`there are: ${CASES.join(', ')}.`)
}

const command = new Command('bench')
  .argument('[cases...]', `some of: ${CASES.join(', ')}`, known, [])
  .option('--json', 'print one JSON object as the last line of standard output')
  .option('--quick', 'few rows and rounds: to see that it works, not to judge')
  .option('--cpu', 'ratios of CPU time a row instead of rows per second')
  .option('--rows <number>', 'rows of one turn', positive)
  .option('--rounds <number>', 'measured rounds', positive)
  .parse()

await main(command.processedArgs[0].length > 0 ? command.processedArgs[0] : CASES, command.opts<Options>())
