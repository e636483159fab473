/**
 * The same dashboard for native histograms, of which each is one series with its buckets inside: what a view that asks for
 * exponential histograms brings over OTLP, and what Prometheus makes of classic ones with `convert_classic_histograms_to_nhcb`.
 */
import { METRICS, prometheusName, prometheusType } from '../src/telemetry/metrics/catalogue.ts'
import type { PanelSpec, Section } from './spec.ts'

/** How histograms are stored. */
export type Histograms = 'classic' | 'native'

const NAMES = Object.values(METRICS)
  .filter((metric) => prometheusType(metric) === 'histogram')
  .map((metric) => prometheusName(metric))

/** Buckets lose their suffix and are added up without `le`; count and sum are taken out of the histogram. */
export function nativeQuery(expr: string): string {
  return NAMES.reduce((text, name) => {
    const buckets = `\\(rate\\(${name}_bucket{`
    return text
      .replace(new RegExp(`sum by \\(le\\) ${buckets}`, 'g'), `sum(rate(${name}{`)
      .replace(new RegExp(`sum by \\(le, (.*?)\\) ${buckets}`, 'g'), `sum by ($1) (rate(${name}{`)
      .replace(new RegExp(`rate\\(${name}_(sum|count)({[^}]*}\\[[^\\]]*\\])\\)`, 'g'), `histogram_$1(rate(${name}$2))`)
  }, expr)
}

export function nativeSection(section: Section): Section {
  return { ...section, panels: section.panels.map(nativePanel) }
}

function nativePanel(spec: PanelSpec): PanelSpec {
  return { ...spec, queries: spec.queries.map((query) => ({ ...query, expr: nativeQuery(query.expr) })) }
}
