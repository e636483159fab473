import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'
import { judgeFile } from '../support/runner/judge-file.ts'
import { killGroup } from '../support/runner/run-file.ts'
import { instrumented, type SourceFile, type SourceMutant } from './instrument.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const FOLDER = join(REPOSITORY, '.cache/mutation') // where packages are found
const COPIED = ['src', 'test', 'examples', 'docs', 'collector', 'grafana']
/** At the end of its process, each of those that a test starts too, tells which mutants were reached: in a file of its own. */
const PRELOAD = `import { writeFileSync } from 'node:fs'
process.on('exit', () => {
  const reached = Object.keys(globalThis.__stryker__?.mutantCoverage?.static ?? {})
  const folder = process.env.MUTANTS_REACHED
  if (folder) writeFileSync(folder + '/' + process.pid + '.json', JSON.stringify(reached))
})
`

export interface TestRun {
  readonly test: string
  readonly language: Language
  readonly milliseconds: number
  /** Ids of mutants. */
  readonly reached: ReadonlySet<string>
}

/** A test that requires a second copy of a module wants it as TypeScript, of which `tsx` makes one. */
type Language = 'js' | 'ts'

/** A copy of the repository with mutants in it, beside the TypeScript as plain JavaScript, of which a test starts quickly. */
export class Workspace {
  readonly mutants: readonly SourceMutant[]
  readonly tests: readonly string[]

  private constructor(mutants: readonly SourceMutant[], tests: readonly string[]) {
    this.mutants = mutants
    this.tests = tests
  }

  static async open(isMutated: (path: string) => boolean, isTest: (path: string) => boolean): Promise<Workspace> {
    rmSync(FOLDER, { recursive: true, force: true })
    const paths = COPIED.flatMap(filesBelow)
    const sources = paths.filter((path) => path.endsWith('.ts')).map((name) => sourceOf(name, isMutated(name)))
    const { files, mutants } = await instrumented(sources.filter(({ mutate }) => mutate))
    for (const source of [...sources.filter(({ mutate }) => !mutate), ...files]) writeScript(source)
    for (const path of paths.filter((path) => !path.endsWith('.ts'))) copy(path)
    writeFileSync(join(FOLDER, 'preload.js'), PRELOAD)
    writeFileSync(join(FOLDER, 'package.json'), readFileSync(join(REPOSITORY, 'package.json')))
    return new Workspace(mutants, paths.filter(isTest))
  }

  /** Without a mutant: whom it reaches. `undefined`: it is red. */
  async try(test: string): Promise<TestRun | undefined> {
    const folder = join(FOLDER, 'reached', test)
    for (const language of ['js', 'ts'] as const) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      const begun = performance.now()
      if (!(await run(test, language, { MUTANTS_REACHED: folder }, 60_000))) continue
      return { test, language, milliseconds: performance.now() - begun, reached: new Set(idsIn(folder)) }
    }
    return undefined
  }

  /** Whether one of the tests turns red; one that hangs does. Those that are quick come first, the mutant's own sooner. */
  async kills(runs: readonly TestRun[], { id, fileName }: SourceMutant): Promise<boolean> {
    const own = fileName.replace(/^src/, 'test').replace(/\.ts$/, '.test.ts')
    const cost = ({ test, milliseconds }: TestRun) => (test === own ? milliseconds / 10 : milliseconds)
    const reaching = runs.filter(({ reached }) => reached.has(id)).sort((a, b) => cost(a) - cost(b))
    for (const { test, language, milliseconds } of reaching) {
      const limit = 5000 + Math.ceil(3 * milliseconds)
      if (!(await run(test, language, { __STRYKER_ACTIVE_MUTANT__: id }, limit))) return true
    }
    return false
  }
}

/** Whether it is green: of hooks that throw the exit code tells nothing. */
function run(test: string, language: Language, env: Record<string, string>, limit: number): Promise<boolean> {
  const args = [...(language === 'ts' ? ['--import', 'tsx'] : []), join(FOLDER, test.replace(/ts$/, language))]
  const NODE_OPTIONS = `--import ${pathToFileURL(join(FOLDER, 'preload.js'))}`
  const child = spawn(process.execPath, args, {
    cwd: FOLDER,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env, NODE_OPTIONS, NO_COLOR: '1' },
    detached: true, // a group of its own: some tests start programs
  })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  const timer = setTimeout(killGroup, limit, child)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer)
      resolve(judgeFile({ source: '', stdout, exitCode, signal, killed: undefined }, false).failed === 0)
    })
  })
}

function idsIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as string[])
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name).slice(REPOSITORY.length + 1))
}

function sourceOf(name: string, mutate: boolean): SourceFile {
  return { name, content: readFileSync(join(REPOSITORY, name), 'utf8'), mutate }
}

function writeScript({ name, content }: SourceFile): void {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: true,
  }
  const { outputText } = ts.transpileModule(content, { compilerOptions, fileName: name })
  const path = join(FOLDER, name.replace(/\.ts$/, '.js'))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(join(FOLDER, name), content)
  writeFileSync(path, outputText.replaceAll(/\.ts(?=['"`?])/g, '.js')) // also what is imported under a name that is put together
}

function copy(path: string): void {
  mkdirSync(dirname(join(FOLDER, path)), { recursive: true })
  copyFileSync(join(REPOSITORY, path), join(FOLDER, path))
}
