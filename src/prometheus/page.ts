import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Exemplar, NotedExemplars } from '../telemetry/metrics/exemplars.ts'
import { type Family, type FamilyType, familiesOf, type Sample } from './families.ts'
import type { PageFormat } from './negotiate.ts'
import { inSlices } from './slices.ts'
import { renderHelp, renderLabels, renderNumber } from './text-format.ts'

/** How Prometheus spells the units (UCUM) that end a metric's name. */
const UNIT_WORDS: Readonly<Record<string, string>> = { s: 'seconds', ms: 'milliseconds', By: 'bytes', '%': 'percent' }

/**
 * Writes a page in the Prometheus text format 0.0.4 or in OpenMetrics 1.0. Both have the same series; only OpenMetrics has
 * units, exemplars and an end mark. https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
 *
 * It is written in slices, between which the process does other work; everything in it is of the moment of the call.
 *
 * @param noted exemplars of `batchflow.execute.duration.seconds`
 * @param complain hears of each metric that cannot be written
 */
export function renderPage(
  metrics: ResourceMetrics,
  format: PageFormat,
  noted: Iterable<NotedExemplars>,
  complain: (message: string) => void,
): Promise<Buffer> {
  return inSlices(write(metrics, format, Array.from(noted, copyOf), complain))
}

/** The store goes on while the page is written, and a later exemplar would displace the one that was collected. */
function copyOf({ attributes, latest }: NotedExemplars): NotedExemplars {
  return { attributes, latest: latest.slice() }
}

function* write(
  metrics: ResourceMetrics,
  format: PageFormat,
  noted: readonly NotedExemplars[],
  complain: (message: string) => void,
): Generator<string, void> {
  for (const family of yield* familiesOf(metrics, noted, complain)) {
    for (const line of metadata(family, format)) yield `${line}\n`
    for (const sample of family.samples) yield `${sampleLine(family.name, sample, format)}\n`
  }
  if (format === 'openmetrics') yield '# EOF\n'
}

function metadata(family: Family, format: PageFormat): string[] {
  const { type, help } = family
  const name = format === 'text' ? family.name + TEXT_SUFFIX[type] : family.name
  const lines = [`# TYPE ${name} ${format === 'text' ? TEXT_TYPE[type] : type}`]
  const unit = UNIT_WORDS[family.unit] ?? family.unit
  if (format === 'openmetrics' && unit !== '' && name.endsWith(`_${unit}`)) lines.push(`# UNIT ${name} ${unit}`)
  if (help !== '') lines.push(`# HELP ${name} ${renderHelp(help, format)}`)
  return lines
}

/** The text format knows no families: counters and info are declared under the name their samples have. */
const TEXT_SUFFIX: Record<FamilyType, string> = { counter: '_total', gauge: '', histogram: '', info: '_info' }

const TEXT_TYPE: Record<FamilyType, string> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  info: 'gauge',
}

function sampleLine(family: string, { suffix, labels, value, exemplar }: Sample, format: PageFormat): string {
  const line = `${family}${suffix}${labels} ${renderNumber(value)}`
  return format === 'openmetrics' && exemplar !== undefined ? `${line} # ${exemplarText(exemplar)}` : line
}

/** Names and values of the labels are 63 characters together; 128 are allowed. The timestamp is in seconds. */
function exemplarText({ value, at, traceId, spanId }: Exemplar): string {
  const labels = renderLabels(new Map(Object.entries({ trace_id: traceId, span_id: spanId })))
  return `${labels} ${renderNumber(value)} ${at / 1000}`
}
