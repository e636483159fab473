import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Of its packages types are not at hand where they are not installed. */
interface StrykerModule {
  readonly Instrumenter: new (
    logger: object,
  ) => { instrument(files: readonly SourceFile[], options: object): Promise<Instrumented> }
}

export interface SourceFile {
  readonly name: string
  readonly content: string
  readonly mutate: boolean
}

export interface Place {
  /** From 0. */
  readonly line: number
  readonly column: number
}

export interface SourceMutant {
  /** Its code runs in the process that has this in `__STRYKER_ACTIVE_MUTANT__`. */
  readonly id: string
  readonly fileName: string
  readonly mutatorName: string
  readonly replacement: string
  readonly location: { readonly start: Place; readonly end: Place }
}

interface Instrumented {
  readonly files: readonly SourceFile[]
  readonly mutants: readonly SourceMutant[]
}

const HERE = join(import.meta.dirname, 'instrumenter')
const SILENT = new Proxy({}, { get: () => () => false })

/** The same files with all their mutants in them, each asleep. Its packages are installed when they are wanted for the first time. */
export async function instrumented(files: readonly SourceFile[]): Promise<Instrumented> {
  if (!existsSync(join(HERE, 'node_modules'))) {
    console.error(`npm ci --prefix ${HERE}`)
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', HERE], {
      stdio: ['ignore', 2, 2],
    })
  }
  const entry = join(HERE, 'node_modules/@stryker-mutator/instrumenter/dist/src/index.js')
  const { Instrumenter } = (await import(entry)) as StrykerModule
  return await new Instrumenter(SILENT).instrument(files, { plugins: null, excludedMutations: [], ignorers: [] })
}
