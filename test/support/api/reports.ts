/**
 * What a user's TypeScript sees of every entry point, as `test/api/<entry>.api.md`, from the declarations in dist:
 *
 *     npx tsx test/support/api/reports.ts [--check]
 *
 * With `--check` nothing is written; the differences are shown, and the exit code is 1 when there are any.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Extractor, ExtractorConfig, ExtractorLogLevel, type ExtractorMessage } from '@microsoft/api-extractor'
import { digest, type Surface, surfaceOf } from './surface.ts'

const repository = join(import.meta.dirname, '../../..')

interface Manifest {
  readonly name: string
  readonly exports: Record<string, string | { readonly import: { readonly types: string } }>
}

function main(check: boolean): void {
  const workshop = mkdtempSync(join(tmpdir(), 'batchflow-api-'))
  try {
    const fresh = join(workshop, 'api')
    writeReports(fresh, workshop)
    if (check) compare(fresh)
    else renew(fresh)
  } finally {
    rmSync(workshop, { recursive: true, force: true })
  }
}

function renew(fresh: string): void {
  const kept = join(repository, 'test/api')
  rmSync(kept, { recursive: true, force: true })
  cpSync(fresh, kept, { recursive: true })
}

/** The core comes first in `exports`; what it exports is told there and not again in the reports of the others. */
function writeReports(folder: string, workshop: string): void {
  const { name, exports } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as Manifest
  mkdirSync(folder)
  let core: Surface | undefined
  for (const [subpath, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue
    const surface = surfaceOf(extract(join(repository, target.import.types), workshop))
    const title = `# ${name}${subpath.slice(1)}`
    const note = 'Written by `npm run api` from the declarations of the built package.'
    const text = `${title}\n\n${note}\n\n\`\`\`ts\n${digest(surface, core)}\n\`\`\`\n`
    writeFileSync(join(folder, `${basename(target.import.types, '.d.mts')}.api.md`), text)
    core ??= surface
  }
}

/** The report of API Extractor, with the types that exported ones mention. */
function extract(declarations: string, folder: string): string {
  const report = 'extracted.api.md'
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(repository, 'package.json'),
    configObject: {
      projectFolder: repository,
      mainEntryPointFilePath: declarations,
      compiler: { tsconfigFilePath: join(repository, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFileName: report,
        reportVariants: ['public'], // without what is marked `@internal`
        reportFolder: folder,
        reportTempFolder: folder,
        includeForgottenExports: true,
      },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  })
  const problems: string[] = []
  const messageCallback = (message: ExtractorMessage) => {
    message.handled = true // it would be printed otherwise
    if (message.logLevel === ExtractorLogLevel.Error) problems.push(message.formatMessageWithLocation(repository))
  }
  Extractor.invoke(config, { localBuild: true, messageCallback })
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return readFileSync(join(folder, report.replace('.api', '.public.api')), 'utf8')
}

function compare(fresh: string): void {
  const git = ['--no-pager', 'diff', '--no-index', '--no-prefix', '--no-ext-diff', 'test/api', fresh]
  const { status, stdout, stderr } = spawnSync('git', git, { cwd: repository, encoding: 'utf8' })
  if (status === 0) return
  console.error(stdout + stderr)
  console.error(
    'The public API is not the one in test/api. If that is meant: npm run api, and npm run changeset to tell its users.',
  )
  process.exitCode = 1
}

main(process.argv.includes('--check'))
