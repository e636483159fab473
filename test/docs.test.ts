import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import pg from 'pg'
import ts from 'typescript'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Example, examplesOf } from './support/docs/examples.ts'
import { servers } from './support/servers/servers.ts'

const docs = suite('docs')
const repository = join(import.meta.dirname, '..')

const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'collector/README.md', 'grafana/README.md'],
  ...readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) => join('docs', file)),
].filter((file) => file.endsWith('.md') && existsSync(join(repository, file)))

const modules = pages.flatMap((page) =>
  examplesOf(readFileSync(join(repository, page), 'utf8')).map((example) => ({ ...example, page })),
)

docs('a document yields its examples, each line where it stands', () => {
  const page = `<!-- sql: CREATE TABLE t () -->
<!-- ts: declare const given: number -->
\`\`\`ts run
given
\`\`\`
text
\`\`\`ts continue
more
\`\`\`
\`\`\`sql
SELECT 1
\`\`\`
\`\`\`ts
alone
\`\`\``
  const [first, second, ...none] = examplesOf(page)
  assert.equal(none, [])
  assert.equal(first, {
    line: 3,
    run: true,
    sql: ['CREATE TABLE t ()'],
    code: '\ndeclare const given: number\n\ngiven\n\n\n\nmore\nexport {}\n',
  })
  assert.is(second?.line, 13)
  assert.is(second?.run, false)
})

docs('every link to a file of ours leads to one', () => {
  const links = pages.flatMap((page) =>
    Array.from(readFileSync(join(repository, page), 'utf8').matchAll(/\]\((?![a-z]+:|#)([^)#]+)/g), ([, link]) => ({
      page,
      link: link!,
    })),
  )
  assert.ok(links.length > 0)
  assert.equal(
    links.filter(({ page, link }) => !existsSync(join(repository, dirname(page), link))),
    [],
  )
})

docs('every code of an error has its line in docs/errors.md, and no other', () => {
  const source = readFileSync(join(repository, 'src/support/batchflow-error.ts'), 'utf8')
  const page = readFileSync(join(repository, 'docs/errors.md'), 'utf8')
  const codes = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, code]) => code!).sort()
  assert.equal(codes(page, /^\| `(ERR_BATCHFLOW_\w+)`/gm), codes(source, /^ {2}\| '(ERR_BATCHFLOW_\w+)'/gm))
})

docs('the versions that README names are those of package.json', () => {
  const { engines, peerDependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
  const readme = readFileSync(join(repository, 'README.md'), 'utf8')
  const least = (range: string) => /\d+(?:\.[1-9]\d*)?/.exec(range)?.[0]
  assert.match(readme, `| Node | ${least(engines.node)} and later |`)
  for (const name of ['pg', 'mysql2', 'ioredis', 'better-sqlite3', 'libsql']) {
    assert.match(readme, `\`${name}\` ${least(peerDependencies[name])}`, name)
  }
})

docs('every option says what it does', () => {
  const page = readFileSync(join(repository, 'docs/options.md'), 'utf8')
  const silent = page.split('\n').filter((line) => /^\| `.*\|\s+\|$/.test(line))
  assert.equal(silent, [])
})

docs('every example type-checks against the sources', () => {
  assert.ok(modules.length > 0, 'no example was found at all')
  assert.equal(typeErrors(modules), [])
})

docs('the check would notice a wrong call', () => {
  const [example] = examplesOf("```ts\nimport { BatchFlow } from 'batchflow-otel'\nnew BatchFlow(42)\n```\n")
  assert.match(typeErrors([{ ...example!, page: 'docs/wrong.md' }]).join('\n'), /^docs\/wrong\.md:3: Argument of type/)
})

/** Checks all in one program; `page:line: message`. */
function typeErrors(examples: readonly (Example & { page: string })[]): string[] {
  const files = new Map(examples.map(({ page, line, code }) => [join(repository, `${page}.${line}.ts`), code]))
  const read = ts.readConfigFile(join(repository, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, repository)
  const settings = { ...options, noUnusedLocals: false, noUnusedParameters: false }
  const host = ts.createCompilerHost(settings)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (name) => files.has(name) || fileExists(name)
  host.readFile = (name) => files.get(name) ?? readFile(name)
  host.getSourceFile = (name, version, ...rest) => {
    const code = files.get(name)
    return code === undefined ? getSourceFile(name, version, ...rest) : ts.createSourceFile(name, code, version)
  }
  const program = ts.createProgram([...files.keys()], settings, host)
  return Array.from(files.keys(), (name) => program.getSourceFile(name)!).flatMap((file) =>
    [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map((diagnostic) => {
      const { line } = file.getLineAndCharacterOfPosition(diagnostic.start ?? 0)
      const page = relative(repository, file.fileName).replace(/\.\d+\.ts$/, '')
      return `${page}:${line + 1}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`
    }),
  )
}

const server = await servers.postgres()
if (server !== undefined) {
  for (const example of modules.filter(({ run }) => run)) {
    docs(`${example.page}:${example.line} does what it says when run`, async () => {
      const { code, output } = await runExample(example, server.url)
      assert.is(code, 0, output)
    })
  }
}

/** Runs it in a folder of its own, where `batchflow-otel` is the source, with a schema of its own in `PG…` variables. */
async function runExample({ code, sql }: Example, url: string): Promise<{ code: number | null; output: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-docs-'))
  const schema = `docs_${process.pid}_${Date.now()}`
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`CREATE SCHEMA ${schema}; SET search_path = ${schema}; ${sql.join(';')}`)
    symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { paths: sourcePaths() } }))
    writeFileSync(join(folder, 'example.ts'), code)
    return await runScript(folder, connection(url, schema))
  } finally {
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await client.end()
    rmSync(folder, { recursive: true })
  }
}

function sourcePaths(): Record<string, string[]> {
  const { config } = ts.readConfigFile(join(repository, 'tsconfig.json'), ts.sys.readFile)
  const paths = config.compilerOptions.paths as Record<string, string[]>
  return Object.fromEntries(
    Object.entries(paths).map(([name, targets]) => [name, targets.map((target) => join(repository, target))]),
  )
}

function connection(url: string, schema: string): NodeJS.ProcessEnv {
  const { hostname, port, username, password, pathname } = new URL(url)
  return {
    DATABASE_URL: url,
    PGHOST: hostname,
    PGPORT: port,
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: pathname.slice(1),
    PGOPTIONS: `-c search_path=${schema}`,
  }
}

function runScript(cwd: string, env: NodeJS.ProcessEnv): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'example.ts'], { cwd, env: { ...process.env, ...env } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}

docs.run()
