/**
 * Writes the table of metrics into docs/metrics.md from the catalogue:
 *
 *     npx tsx test/support/docs/metric-table.ts [--check]
 *
 * With `--check` nothing is written; the exit code is 1 when the page is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  type MetricSpec,
  prometheusLabel,
  prometheusName,
  prometheusType,
} from '../../../src/telemetry/metrics/catalogue.ts'
import { ALL_METRICS } from '../../../src/telemetry/metrics/source-catalogue.ts'

const PAGE = new URL('../../../docs/metrics.md', import.meta.url)
const BEGIN = '<!-- metrics: generated from src/telemetry/metrics/catalogue.ts -->'
const END = '<!-- metrics: end -->'

/** One row per metric of the catalogue, as Markdown. */
export function metricTable(): string {
  const rows = Object.values(ALL_METRICS).map(tableRow)
  return ['| Series | Type | Unit | Labels | What it measures |', '|---|---|---|---|---|', ...rows].join('\n')
}

function tableRow(spec: MetricSpec): string {
  const labels = spec.attributes.map((attribute) => code(prometheusLabel(attribute))).join(' ')
  const unit = spec.unit.replace(/[{}]/g, '')
  const meaning = spec.sampled ? `${spec.description} Sampled.` : spec.description
  return `| ${code(prometheusName(spec))} | ${prometheusType(spec)} | ${unit} | ${labels} | ${cell(meaning)} |`
}

function code(text: string): string {
  return `\`${text}\``
}

function cell(text: string): string {
  return text.replaceAll('<', '\\<').replaceAll('|', '\\|')
}

/** The page with its table made anew. Throws when a marker is missing. */
export function renewed(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`docs/metrics.md needs the lines ${BEGIN} and ${END}`)
  return `${page.slice(0, begin)}${BEGIN}\n\n${metricTable()}\n\n${page.slice(end)}`
}

export function readPage(): string {
  return readFileSync(PAGE, 'utf8')
}

function main(check: boolean): void {
  const page = readPage()
  const fresh = renewed(page)
  if (!check) writeFileSync(PAGE, fresh)
  else if (page !== fresh) {
    console.error('docs/metrics.md is stale: run npx tsx test/support/docs/metric-table.ts')
    process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.includes('--check'))
