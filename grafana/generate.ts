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
import type { Language } from './spec.ts'

export const LANGUAGES = ['en', 'zh'] as const satisfies readonly Language[]

export function fileOf(language: Language): URL {
  return new URL(`dashboards/batchflow.${language}.json`, import.meta.url)
}

export function render(language: Language): string {
  return `${JSON.stringify(dashboard(language), null, 2)}\n`
}

/** Languages whose committed dashboard is not what the source makes. */
export function stale(): Language[] {
  return LANGUAGES.filter((language) => {
    const file = fileOf(language)
    return !existsSync(file) || readFileSync(file, 'utf8') !== render(language)
  })
}

function main(check: boolean): void {
  if (!check) {
    mkdirSync(new URL('dashboards', import.meta.url), { recursive: true })
    for (const language of LANGUAGES) writeFileSync(fileOf(language), render(language))
  } else if (stale().length > 0) {
    console.error(`grafana/dashboards is stale (${stale().join(', ')}): run npx tsx grafana/generate.ts`)
    process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'))
