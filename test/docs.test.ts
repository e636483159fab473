import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import pg from 'pg'
import ts from 'typescript'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Example, examplesOf } from './support/docs/examples.ts'
import { anchorsOf, linksOf } from './support/docs/links.ts'
import { blocksOf, translations } from './support/docs/translations.ts'
import { servers } from './support/servers/servers.ts'

const docs = suite('docs')
const repository = join(import.meta.dirname, '..')

const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'collector/README.md', 'grafana/README.md'],
  ...['docs', 'docs/zh-CN'].flatMap((folder) =>
    readdirSync(join(repository, folder)).map((file) => join(folder, file)),
  ),
].filter((file) => file.endsWith('.md') && existsSync(join(repository, file)))

const textOf = (page: string) => readFileSync(join(repository, page), 'utf8')

/** Chinese pages with the code of the English page of the same name: it is checked and run there. */
const translated = translations().filter(({ page, english }) => basename(page) === basename(english))

const modules = pages
  .filter((page) => !translated.some((translation) => translation.page === page))
  .flatMap((page) => examplesOf(textOf(page)).map((example) => ({ ...example, page })))

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

docs('every link to a file or heading of ours leads to one', () => {
  const anchors = new Map(pages.map((page) => [page, anchorsOf(textOf(page))]))
  const links = pages.flatMap((page) => linksOf(textOf(page)).map((link) => ({ page, ...link })))
  assert.ok(links.length > 0)
  const dead = links.filter(({ page, file, anchor }) => {
    const target = file === '' ? page : join(dirname(page), file)
    return !existsSync(join(repository, target)) || (anchor !== '' && anchors.get(target)?.has(anchor) === false)
  })
  assert.equal(dead, [])
})

docs('a heading has the anchor that GitHub gives it', () => {
  const page = '# A `code` & more\n\n## [Past](x.md) one\n\n```sh\n# none\n```\n\n## Past one\n\n## 多个进程：PM2\n'
  assert.equal([...anchorsOf(page)], ['a-code--more', 'past-one', 'past-one-1', '多个进程pm2'])
})

docs('a Chinese page has the code of the English page that it names, as it is there', () => {
  assert.ok(translated.length > 0)
  for (const { page, english } of translated) {
    const known = new Set(blocksOf(textOf(english)))
    assert.equal(
      blocksOf(textOf(page)).filter((block) => !known.has(block)),
      [],
      page,
    )
  }
})

docs('every code of an error has its line in docs/errors.md, and no other', () => {
  const codes = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, code]) => code!).sort()
  for (const page of ['docs/errors.md', 'docs/zh-CN/errors.md'].filter((file) => pages.includes(file))) {
    assert.equal(
      codes(textOf(page), /^\| `(ERR_BATCHFLOW_\w+)`/gm),
      codes(textOf('src/support/batchflow-error.ts'), /^ {2}\| '(ERR_BATCHFLOW_\w+)'/gm),
    )
  }
})

docs('every class of an error that users can import is named in docs/errors.md', () => {
  const reports = readdirSync(join(repository, 'test/api'))
  const classes = reports.flatMap((report) =>
    Array.from(textOf(`test/api/${report}`).matchAll(/export class (\w+Error) extends/g), ([, name]) => name!),
  )
  const page = textOf('docs/errors.md')
  assert.ok(classes.length > 10)
  assert.equal(
    classes.filter((name) => !page.includes(`\`${name}\``)),
    [],
  )
})

docs('the Chinese page has the series of the English one', () => {
  const seriesOf = (page: string) => textOf(page).match(/^\| `batchflow_\w+`.*?(?=[^|]+\|$)/gm) ?? []
  assert.ok(seriesOf('docs/metrics.md').length > 20)
  assert.equal(seriesOf('docs/zh-CN/metrics.md'), seriesOf('docs/metrics.md'))
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
  const page = textOf('docs/options.md')
  const silent = page.split('\n').filter((line) => /^\| `.*\|\s+\|$/.test(line))
  assert.equal(silent, [])
})

docs('every example type-checks against the sources, and a wrong call would be noticed', () => {
  assert.ok(modules.length > 0, 'no example was found at all')
  const [wrong] = examplesOf("```ts\nimport { BatchFlow } from 'batchflow-otel'\nnew BatchFlow(42)\n```\n")
  const [found = '', ...others] = typeErrors([{ ...wrong!, page: 'docs/wrong.md' }, ...modules])
  assert.match(found, /^docs\/wrong\.md:3: Argument of type/)
  assert.equal(others, [])
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
