import { spawn } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { instrumented, type SourceFile, type SourceMutant } from './instrument.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const FOLDER = join(REPOSITORY, '.cache/mutation') // where packages are found
const COPIED = ['src', 'test', 'examples', 'docs', 'collector', 'grafana']
/** At the end of its process, tells which mutants were reached. */
const PRELOAD = `import { writeFileSync } from 'node:fs'
process.on('exit', () => {
  const reached = Object.keys(globalThis.__stryker__?.mutantCoverage?.static ?? {})
  if (process.env.MUTANTS_REACHED) writeFileSync(process.env.MUTANTS_REACHED, JSON.stringify(reached))
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
    const file = join(FOLDER, `${test.replaceAll('/', '-')}.json`)
    for (const language of ['js', 'ts'] as const) {
      const begun = performance.now()
      if (!(await run(test, language, { MUTANTS_REACHED: file }, 60_000))) continue
      const milliseconds = performance.now() - begun
      return { test, language, milliseconds, reached: new Set(JSON.parse(readFileSync(file, 'utf8')) as string[]) }
    }
    return undefined
  }

  /** Whether one of the tests turns red; one that hangs does. The test of the mutant's own file comes first. */
  async kills(runs: readonly TestRun[], { id, fileName }: SourceMutant): Promise<boolean> {
    const own = fileName.replace(/^src/, 'test').replace(/\.ts$/, '.test.ts')
    const reaching = runs.filter(({ reached }) => reached.has(id))
    for (const { test, language, milliseconds } of reaching.sort((a) => (a.test === own ? -1 : 0))) {
      const limit = 5000 + Math.ceil(10 * milliseconds)
      if (!(await run(test, language, { __STRYKER_ACTIVE_MUTANT__: id }, limit))) return true
    }
    return false
  }
}

function run(test: string, language: Language, env: Record<string, string>, limit: number): Promise<boolean> {
  const preloads = [...(language === 'ts' ? ['tsx'] : []), join(FOLDER, 'preload.js')]
  const args = preloads.flatMap((preload) => ['--import', preload])
  const child = spawn(process.execPath, [...args, join(FOLDER, test.replace(/ts$/, language))], {
    cwd: FOLDER,
    stdio: 'ignore',
    env: { ...process.env, ...env },
    timeout: limit,
    killSignal: 'SIGKILL',
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code === 0))
  })
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
