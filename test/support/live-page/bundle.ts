/**
 * Writes the script and the style of the live page, bundled and small, into the one module that is shipped:
 *
 *     npx tsx test/support/live-page/bundle.ts [--check]
 *
 * With `--check` nothing is written; the exit code is 1 when the module is stale.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOM = join(import.meta.dirname, '../../../src/prometheus/live')
const FILE = join(ROOM, 'bundle.generated.ts')

/** The module, made anew. */
export async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: ROOM,
    entryPoints: ['browser/main.ts', 'browser/style.css'],
    outdir: 'out',
    write: false,
    bundle: true,
    minify: true,
    charset: 'utf8',
    format: 'iife',
    target: 'es2023',
    logLevel: 'warning',
    tsconfigRaw: {},
  })
  const textOf = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))!.text.trim()
  const [script, style] = [`${licence()}\n${textOf('.js')}`, textOf('.css')]
  if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style)) throw new Error('the bundle would end its own element')
  return [
    '// Made by test/support/live-page/bundle.ts from browser/, model/ and uPlot.',
    `export const STYLE = ${JSON.stringify(style)}`,
    `export const SCRIPT = ${JSON.stringify(script)}`,
    '',
  ].join('\n')
}

/** That of uPlot asks to go with every copy. */
function licence(): string {
  const file = join(createRequire(import.meta.url).resolve('uplot/package.json'), '../LICENSE')
  return `/*! uPlot\n${readFileSync(file, 'utf8').trim()} */`
}

async function main(check: boolean): Promise<void> {
  const fresh = await bundle()
  const stale = !existsSync(FILE) || readFileSync(FILE, 'utf8') !== fresh
  if (!check) writeFileSync(FILE, fresh)
  else if (stale) {
    console.error('the live page is stale: run npx tsx test/support/live-page/bundle.ts')
    process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.includes('--check'))
