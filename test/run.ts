/**
 * Runs test files, each in a process of its own, and tells what passed:
 *
 *     npm test [-- part-of-a-path …]
 *
 * Files under `live/` run one after the other, as they share servers, and those under `faults/` beside them, on servers of their
 * own; where the environment names a server, all on that one, one after the other. The rest run two at a time. `TEST_TIMEOUT` is
 * the limit per file in milliseconds (120000), `TEST_ROOT` another folder to look in.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type FileResult, judgeFile } from './support/runner/judge-file.ts'
import { type FileRun, killRunning, type Limits, runFile } from './support/runner/run-file.ts'

const AT_ONCE = 2
const root = process.env['TEST_ROOT'] ?? import.meta.dirname
const ci = process.env['CI'] === 'true'
const limits: Limits = {
  file: Number(process.env['TEST_TIMEOUT'] ?? 120_000),
  linger: Number(process.env['TEST_LINGER'] ?? 5_000),
}

async function main(filters: readonly string[]): Promise<void> {
  const files = findTests(filters)
  const faults = files.filter((file) => /^faults[\\/]/.test(file))
  const live = files.filter((file) => /^live[\\/]/.test(file))
  const quick = files.filter((file) => !live.includes(file) && !faults.includes(file))
  const results = await runAll(quick, AT_ONCE)
  if (live.length + faults.length > 0) results.push(...(await runOnServers(live, faults)))
  process.exitCode = conclude(results) ? 0 : 1
}

async function runOnServers(live: readonly string[], faults: readonly string[]): Promise<FileResult[]> {
  const servers = await import('./support/servers/servers.ts') // not before: it brings a database client along
  const areTogether = live.length > 0 && faults.length > 0 && !servers.areServersNamed()
  await servers.shareServers()
  if (!areTogether) return await runAll([...live, ...faults], 1)
  const second = await servers.secondServers()
  return (await Promise.all([runAll(live, 1), runAll(faults, 1, second)])).flat()
}

function findTests(filters: readonly string[]): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
    .filter((file) => filters.length === 0 || filters.some((part) => join('test', file).includes(part)))
    .sort()
}

async function runAll(files: readonly string[], atOnce: number, env: NodeJS.ProcessEnv = {}): Promise<FileResult[]> {
  const queue = [...files]
  const results: FileResult[] = []
  const work = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const run = await runFile(join(root, file), limits, env)
      const result = judgeFile(run, ci)
      report(join('test', file), run, result)
      results.push(result)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return results
}

function report(file: string, run: FileRun, result: FileResult): void {
  const { passed, failed, skipped, notices, problems } = result
  const counts = [`${passed} passed`, failed > 0 ? `${failed} failed` : '', skipped > 0 ? `${skipped} skipped` : '']
  const mark = failed > 0 ? 'FAIL' : 'ok  '
  console.log(`${mark} ${file}  ${counts.filter((count) => count !== '').join(', ')}  ${run.milliseconds} ms`)
  if (failed > 0) console.log(indent(run.output))
  for (const problem of problems) console.log(`     ${file}: ${problem}`)
  if (failed === 0) for (const notice of notices) console.log(`     ${notice}`)
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, '   | ')
}

/** Prints the totals alone on the last line; true when the run is a success. */
function conclude(results: readonly FileResult[]): boolean {
  const sum = (count: 'passed' | 'failed' | 'skipped') => results.reduce((total, result) => total + result[count], 0)
  const [passed, skipped] = [sum('passed'), sum('skipped')]
  const nothing = passed + skipped + sum('failed') === 0
  if (nothing) console.log('no test ran: nothing matches')
  const failed = nothing ? 1 : sum('failed')
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return failed === 0
}

for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
  process.once(signal, () => {
    killRunning()
    process.exit(code)
  })
}

await main(process.argv.slice(2))
