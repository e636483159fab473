/**
 * What the command line takes for a large file, beside `\copy` of psql:
 *
 *     node --import tsx bench/load.ts [--megabytes 1024] [--only csv|flights]
 *
 * A CSV file of that size, written anew each time and removed, and the three million flights of `vega-datasets` as Parquet. Each
 * is loaded at once and with `--resume`, the CSV file also at a tenth of its size, as memory must not grow with it; then it is
 * interrupted, killed, and brought to its end, after which the table must hold each line once.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type pg from 'pg'
import { withPostgres } from './support/postgres.ts'

const { values } = parseArgs({
  options: { megabytes: { type: 'string', default: '1024' }, only: { type: 'string' } },
})
const ROOT = join(import.meta.dirname, '..')
const FLIGHTS = new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')).pathname
const TABLE = 'bench_load'
const COLUMNS = 'id bigint, name text, email text, amount numeric, created_at timestamptz, note text'
const FLIGHT_COLUMNS = 'date timestamp, delay integer, distance integer, origin text, destination text'
const MEBIBYTE = 1024 * 1024

/** Told by the process at its end, as nobody else knows. */
const USAGE = `data:text/javascript,import{writeSync}from'node:fs';
process.on('exit',()=>writeSync(3,JSON.stringify(process.resourceUsage())))`

interface Source {
  readonly name: string
  readonly path: string
  readonly columns: string
}

interface Run {
  readonly code: number | null
  readonly rows: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
}

const folder = mkdtempSync(join(tmpdir(), 'batchflow-load-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
execFileSync('npm', ['run', '--silent', 'build', '--', '--logLevel', 'error'], { cwd: ROOT, stdio: 'inherit' })
await withPostgres([TABLE], async (pool, url) => {
  console.log(`load of the machine: ${loadavg()[0]!.toFixed(1)}`)
  if (values.only !== 'flights') await measureCsv(pool, url)
  if (values.only !== 'csv') await measure(pool, url, await flightsOf(pool, url))
  await pool.query('DELETE FROM batchflow_positions WHERE strpos(scope, $1) > 0', [folder])
})

async function measureCsv(pool: pg.Pool, url: string): Promise<void> {
  const bytes = Number(values.megabytes) * MEBIBYTE
  const csv = (part: number) => ({
    name: `CSV, ${Math.round((bytes * part) / MEBIBYTE)} MiB`,
    path: join(folder, `${part}.csv`),
    columns: COLUMNS,
  })
  const [tenth, whole] = [csv(0.1), csv(1)]
  writeCsv(tenth.path, bytes / 10)
  await fresh(pool, tenth)
  tell(`${tenth.name}: load`, await load(url, tenth.path))
  rmSync(tenth.path)
  writeCsv(whole.path, bytes)
  await measure(pool, url, { ...whole, copied: whole.path })
  rmSync(whole.path)
}

interface Measured extends Source {
  /** The same rows as CSV. */
  readonly copied: string
}

async function measure(pool: pg.Pool, url: string, source: Measured): Promise<void> {
  await fresh(pool, source)
  const started = performance.now()
  execFileSync('psql', [url, '-qc', `\\copy ${TABLE} from '${source.copied}' csv header`])
  const seconds = (performance.now() - started) / 1000
  const expected = await contents(pool)
  console.log(`${source.name}: \\copy: ${expected.rows} rows, ${perSecond(expected.rows, seconds)}`)
  for (const args of [[], ['--resume-as', `${folder} ${source.name}`]]) {
    await fresh(pool, source)
    tell(`${source.name}: load ${args[0] ?? ''}`, await load(url, source.path, args))
    await check(pool, expected)
  }
  await fresh(pool, source)
  await interrupted(url, source, seconds)
  await check(pool, expected)
  console.log(`${source.name}: interrupted, killed and resumed: each of ${expected.rows} lines once`)
}

/** The second half of the time it takes is left to the load that ends it. */
async function interrupted(url: string, { name, path }: Source, seconds: number): Promise<void> {
  const resume = ['--resume-as', `${folder} ${name} in parts`]
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const { child, ended } = start(url, path, resume)
    await sleep(Math.max(2, seconds / 3) * 1000)
    child.kill(signal)
    const { code } = await ended
    if (code === 0) throw new Error(`${signal} came too late: give it more megabytes`)
  }
  const { code } = await load(url, path, resume)
  if (code !== 0) throw new Error(`it ended with ${code}`)
}

interface Contents {
  readonly rows: number
  /** Of all rows, in whatever order they are. */
  readonly sum: string
}

async function contents(pool: pg.Pool): Promise<Contents> {
  const { rows } = await pool.query(
    `SELECT count(*)::int AS rows, sum(hashtextextended(t::text, 0)::numeric)::text AS sum FROM ${TABLE} t`,
  )
  return rows[0]
}

async function check(pool: pg.Pool, expected: Contents): Promise<void> {
  const found = await contents(pool)
  if (found.rows !== expected.rows || found.sum !== expected.sum)
    throw new Error(`the table holds other rows than \\copy puts there: ${found.rows}, not ${expected.rows}`)
}

async function fresh(pool: pg.Pool, { columns }: Source): Promise<void> {
  await pool.query(`DROP TABLE IF EXISTS ${TABLE}`)
  await pool.query(`CREATE TABLE ${TABLE} (${columns})`)
}

/** As CSV too: with that `\copy` is measured. */
async function flightsOf(pool: pg.Pool, url: string): Promise<Measured> {
  const source = { name: 'flights, Parquet', path: FLIGHTS, columns: FLIGHT_COLUMNS }
  const copied = join(folder, 'flights.csv')
  await fresh(pool, source)
  await load(url, source.path)
  execFileSync('psql', [url, '-qc', `\\copy ${TABLE} to '${copied}' csv header`])
  return { ...source, copied }
}

function writeCsv(path: string, bytes: number): void {
  const file = openSync(path, 'w')
  let text = 'id,name,email,amount,created_at,note\n'
  for (let i = 1, written = 0; written < bytes; i++) {
    const at = new Date(1_700_000_000_000 + i * 1000).toISOString()
    const note = i % 10 === 0 ? `"said ""${i}"", and went"` : i % 7 === 0 ? '' : `a note of some length ${i % 1000}`
    text += `${i},name ${i},user${i}@example.com,${((i * 7919) % 1_000_000) / 100},${at},${note}\n`
    if (text.length < MEBIBYTE && written + text.length < bytes) continue
    written += writeSync(file, text)
    text = ''
  }
  closeSync(file)
}

function start(url: string, path: string, args: readonly string[]): { child: ChildProcess; ended: Promise<Run> } {
  const command = ['load', '--to', url, '--table', TABLE, '--json', '--quiet', ...args, path]
  const child = spawn(process.execPath, ['--import', USAGE, join(ROOT, 'dist/cli/main.mjs'), ...command], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  })
  const texts = ['', '', '', '']
  for (const at of [1, 3]) child.stdio[at]?.on('data', (chunk: Buffer) => (texts[at] += chunk.toString()))
  const ended = new Promise<Run>((resolve) => child.once('close', (code) => resolve(runOf(code, texts[1]!, texts[3]!))))
  return { child, ended }
}

function runOf(code: number | null, summary: string, usage: string): Run {
  const { rows = 0, seconds = 0 } = summary === '' ? {} : JSON.parse(summary)
  const { userCPUTime = 0, systemCPUTime = 0, maxRSS = 0 } = usage === '' ? {} : JSON.parse(usage)
  return { code, rows, seconds, cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakBytes: maxRSS * 1024 }
}

function load(url: string, path: string, args: readonly string[] = []): Promise<Run> {
  return start(url, path, args).ended
}

function tell(name: string, { rows, seconds, cpuSeconds, peakBytes }: Run): void {
  const cpu = `CPU ${((cpuSeconds * 1e6) / rows).toFixed(2)} µs a row`
  console.log(
    `${name}: ${rows} rows, ${perSecond(rows, seconds)}, ${cpu}, peak ${Math.round(peakBytes / MEBIBYTE)} MiB`,
  )
}

function perSecond(rows: number, seconds: number): string {
  return `${seconds.toFixed(1)} s, ${Math.round(rows / seconds)} rows/s`
}
