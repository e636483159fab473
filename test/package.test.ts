import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type BuildOptions, build } from 'esbuild'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const run = promisify(execFile)
const repository = join(import.meta.dirname, '..')
const modules = join(repository, 'node_modules')
const installed = suite('package')

interface Manifest {
  readonly name: string
  readonly exports: Record<string, unknown>
  readonly files: readonly string[]
  readonly peerDependencies: Record<string, string>
}

const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as Manifest
const subpaths = Object.keys(manifest.exports).filter((path) => path !== './package.json')

interface Content {
  readonly names: readonly string[]
  /** Packages it may need beside `@opentelemetry/api`. */
  readonly needs: readonly string[]
}

/** What a subpath is imported for. A driver's has its executor, and needs no package: the client is the user's. */
function contentOf(subpath: string): Content {
  if (subpath === '.') return { names: ['BatchFlow', 'defineTable', 'createExecutor', 'RowFailedError'], needs: [] }
  if (subpath === './testing') return { names: ['MemoryDatabase', 'ManualClock', 'RecordingReporter'], needs: [] }
  if (subpath === './schema') return { names: ['fromDrizzle', 'fromKysely', 'fromPrisma'], needs: [] }
  if (subpath === './otel') return { names: ['OtelMetricsReporter'], needs: [] }
  if (subpath === './prometheus') {
    return { names: ['startPrometheus', 'BatchFlowPrometheusExporter'], needs: ['@opentelemetry/sdk-metrics'] }
  }
  if (subpath === './spool') return { names: ['openSpool', 'spool', 'spoolPublisher', 'SpoolError'], needs: [] }
  if (subpath === './consume') return { names: ['consume'], needs: [] }
  if (subpath === './nats') {
    return { names: ['nats', 'natsPublisher'], needs: ['@nats-io/jetstream', '@nats-io/transport-node'] }
  }
  if (subpath === './kafka') return { names: ['kafka', 'kafkaPublisher'], needs: [] }
  if (subpath === './redis-streams') return { names: ['redisStreams', 'redisStreamsPublisher'], needs: [] }
  return { names: [`${subpath.slice(2)}Executor`], needs: [] }
}

const workshop = mkdtempSync(join(tmpdir(), 'batchflow-package-'))
const tidyUp = () => rmSync(workshop, { recursive: true, force: true }) // takes seconds where the disk is busy
installed.after(tidyUp)
process.once('exit', tidyUp)

const { tarball, packed } = await pack()

/** Builds and packs, as publishing would. */
async function pack(): Promise<{ tarball: string; packed: readonly string[] }> {
  await run('npm', ['run', 'build'], { cwd: repository })
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', workshop]
  const { stdout } = await run('npm', args, { cwd: repository })
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  return { tarball: join(workshop, filename), packed: files.map(({ path }) => path) }
}

/** A project with the package unpacked into it and the given others linked to ours. */
async function project(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(workshop, name)
  const own = join(folder, 'node_modules', manifest.name)
  mkdirSync(own, { recursive: true })
  await run('tar', ['-xzf', tarball, '--strip-components=1', '-C', own])
  for (const other of packages) {
    mkdirSync(dirname(join(folder, 'node_modules', other)), { recursive: true })
    symlinkSync(join(modules, other), join(folder, 'node_modules', other))
  }
  writeFileSync(join(folder, 'package.json'), '{}')
  return folder
}

function specifier(subpath: string): string {
  return manifest.name + subpath.slice(1)
}

installed('it holds what a user needs and nothing else', () => {
  const allowed = [...manifest.files, 'package.json', 'README.md', 'LICENSE']
  assert.equal(
    packed.filter((path) => !allowed.some((entry) => path === entry || path.startsWith(`${entry}/`))),
    [],
  )
  for (const needed of ['package.json', 'LICENSE', 'dist/index.mjs', 'dist/index.d.mts', 'dist/index.cjs']) {
    assert.ok(packed.includes(needed), `${needed} is missing`)
  }
})

installed('what its pages link to and show is in it', () => {
  const isPacked = (path: string) => packed.some((file) => file === path || file.startsWith(`${path}/`))
  const links = packed
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) => linksOf(readFileSync(join(repository, page), 'utf8')).map((link) => ({ page, link })))
  assert.ok(links.length > 0)
  assert.equal(
    links.filter(({ page, link }) => !isPacked(join(dirname(page), link))),
    [],
  )
})

/** Files of ours that a page links to, or has pictures of. */
function linksOf(markdown: string): string[] {
  const pattern = /(?:\]\(|src(?:set)?=")(?![a-z]+:|#)([^)"#]+)/g
  return Array.from(markdown.matchAll(pattern), ([, link]) => link!)
}

for (const subpath of subpaths) {
  installed(`${specifier(subpath)} can be imported and required with nothing but what it needs`, async () => {
    const { names, needs } = contentOf(subpath)
    const folder = await project(`bare${subpath.replaceAll(/\W/g, '-')}`, ['@opentelemetry/api', ...needs])
    const print = `console.log(JSON.stringify(${JSON.stringify(names)}.map((name) => typeof found[name])))`
    writeFileSync(join(folder, 'import.mjs'), `import * as found from '${specifier(subpath)}'\n${print}`)
    writeFileSync(join(folder, 'require.cjs'), `const found = require('${specifier(subpath)}')\n${print}`)
    for (const script of ['import.mjs', 'require.cjs']) {
      const { stdout } = await run(process.execPath, [script], { cwd: folder })
      assert.equal(
        JSON.parse(stdout),
        names.map(() => 'function'),
        script,
      )
    }
  })
}

installed('the core loads one package alone, the API of OpenTelemetry', async () => {
  const folder = await project('core', Object.keys(manifest.peerDependencies))
  writeFileSync(
    join(folder, 'list.cjs'),
    `require('${manifest.name}')\nconsole.log(Object.keys(require.cache).join('\\n'))`,
  )
  const { stdout } = await run(process.execPath, [join(folder, 'list.cjs')])
  const packages = new Set(Array.from(stdout.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g), (match) => match[1]))
  assert.equal([...packages].sort(), ['@opentelemetry/api', manifest.name])
})

const MIXED = `
import { createRequire } from 'node:module'
import { AttemptError } from '${manifest.name}'
const other = createRequire(import.meta.url)('${manifest.name}').AttemptError
const error = new other(new Error('gone'), { ambiguous: true })
console.log(JSON.stringify([other === AttemptError, error instanceof AttemptError, new Error('') instanceof AttemptError]))
`

installed('a driver loaded by require and a flow loaded by import understand each other', async () => {
  const folder = await project('mixed', Object.keys(manifest.peerDependencies))
  writeFileSync(join(folder, 'mixed.mjs'), MIXED)
  const { stdout } = await run(process.execPath, ['mixed.mjs'], { cwd: folder })
  assert.equal(JSON.parse(stdout), [false, true, false])
})

const BUNDLED = `
import { BatchFlow, defineTable } from '${manifest.name}'
import { OtelMetricsReporter } from '${manifest.name}/otel'
import { startPrometheus } from '${manifest.name}/prometheus'
import { MemoryDatabase } from '${manifest.name}/testing'
const endpoint = await startPrometheus({ port: 0 })
const flow = new BatchFlow(new MemoryDatabase().executor().withMetricsReporter(new OtelMetricsReporter()))
await flow.write(defineTable('users', { columns: ['id'] }), { id: 1 })
await flow.close()
const page = await (await fetch(endpoint.url)).text()
await endpoint.stop()
console.log(/^batchflow_records_total.*"success".* (\\d+)$/m.exec(page)[1])
`

installed('esbuild makes one ES module of it, as docs/faq.md says, and one without packages', async () => {
  const folder = await project('bundled', ['@opentelemetry/api', '@opentelemetry/sdk-metrics'])
  writeFileSync(join(folder, 'app.mjs'), BUNDLED)
  const [, banner = ''] = /--banner:js="(.*)"/.exec(readFileSync(join(repository, 'docs/faq.md'), 'utf8')) ?? []
  const settings: BuildOptions = { bundle: true, platform: 'node', format: 'esm', absWorkingDir: folder }
  for (const [outfile, how] of Object.entries<BuildOptions>({
    'one.mjs': { banner: { js: banner } },
    'own.mjs': { packages: 'external' },
  })) {
    await build({ ...settings, ...how, entryPoints: ['app.mjs'], outfile })
    assert.is((await run(process.execPath, [outfile], { cwd: folder })).stdout, '1\n', outfile)
  }
})

/** A user's code in small, in the words of the public API, so that the declarations are used and not only read. */
const CONSUMER = `
import pg from 'pg'
import { BatchFlow, defineTable, type CloseSummary, type Receipt } from '${manifest.name}'
import { postgresExecutor } from '${manifest.name}/postgres'
import { OtelMetricsReporter } from '${manifest.name}/otel'
import { startPrometheus, type PrometheusEndpoint } from '${manifest.name}/prometheus'

interface User { id: number; name: string; note?: string }

export async function use(): Promise<CloseSummary> {
  const endpoint: PrometheusEndpoint = await startPrometheus({ port: 0 })
  const executor = postgresExecutor(new pg.Pool())
    .withConcurrencyLimit(8)
    .withRetry({ maxAttempts: 3, backoffBase: 20, maxBackoff: 2000 })
    .withTimeout(2000)
    .withMetricsReporter(new OtelMetricsReporter({ testName: 'consumer' }))
  const flow = new BatchFlow(executor, { bufferSize: 5000, flushSize: 200, flushInterval: 100 })
  const users = defineTable<User>('users', { columns: ['id', 'name'], onConflict: { action: 'update', keys: ['id'] } })
  await flow.submit(users, { id: 1, name: 'Ada' }, { signal: undefined })
  const receipt: Receipt = await flow.write(users, { id: 2, name: 'Grace' })
  const accepted: boolean = flow.trySubmit(users, { id: receipt.rows, name: 'Joan' })
  // @ts-expect-error a row has to have the columns of its table
  if (!accepted) flow.trySubmit(users, { id: '3' })
  // @ts-expect-error a slip in an optional column
  await flow.submit(users, { id: 4, name: 'Jean', noet: 'first' })
  // @ts-expect-error in many rows as well
  await flow.submitMany(users, [{ id: 4, name: 'Jean', noet: 'first' }])
  await endpoint.stop()
  return flow.close()
}
`

installed('its declarations serve a strict TypeScript user of either module kind', async () => {
  const folder = await project('typed', [...Object.keys(manifest.peerDependencies), '@types/pg', '@types/node'])
  writeFileSync(join(folder, 'consumer.mts'), CONSUMER)
  writeFileSync(join(folder, 'consumer.cts'), CONSUMER)
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--esModuleInterop', '--target', 'es2022']
  const args = [join(modules, 'typescript/bin/tsc'), ...options, '--module', 'nodenext', '--types', 'node']
  const result = await run(process.execPath, [...args, 'consumer.mts', 'consumer.cts'], { cwd: folder }).then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  )
  assert.is(result, '')
})

installed.run()
