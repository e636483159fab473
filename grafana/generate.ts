/**
 * Writes the dashboards that are committed:
 *
 *     npx tsx grafana/generate.ts [--check]
 *
 * With `--check` nothing is written; the exit code is 1 when one of them is stale.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { dashboard } from './dashboard.ts'
import type { Histograms } from './native.ts'
import type { Language } from './spec.ts'

export const LANGUAGES = ['en', 'zh'] as const satisfies readonly Language[]

const HISTOGRAMS = ['classic', 'native'] as const satisfies readonly Histograms[]

export function fileOf(language: Language, histograms: Histograms = 'classic'): URL {
  const folder = histograms === 'native' ? 'dashboards-native' : 'dashboards'
  return new URL(`${folder}/batchflow.${language}.json`, import.meta.url)
}

export function render(language: Language, histograms: Histograms): string {
  return `${JSON.stringify(dashboard(language, histograms), null, 2)}\n`
}

/** Every file, and what it should say. */
function* files(): Generator<readonly [URL, string]> {
  for (const histograms of HISTOGRAMS)
    for (const language of LANGUAGES) yield [fileOf(language, histograms), render(language, histograms)]
}

/** Committed dashboards that are not what the source makes. */
export function stale(): string[] {
  return [...files()]
    .filter(([file, text]) => !existsSync(file) || readFileSync(file, 'utf8') !== text)
    .map(([file]) => fileURLToPath(file))
}

function main(check: boolean): void {
  if (!check) {
    for (const [file, text] of files()) {
      mkdirSync(new URL('.', file), { recursive: true })
      writeFileSync(file, text)
    }
  } else if (stale().length > 0) {
    console.error(`stale, run npx tsx grafana/generate.ts: ${stale().join(', ')}`)
    process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'))
