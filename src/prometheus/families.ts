import type { Attributes } from '@opentelemetry/api'
import {
  type DataPoint,
  DataPointType,
  type ExponentialHistogram,
  type Histogram,
  type MetricData,
  type ResourceMetrics,
  type ScopeMetrics,
} from '@opentelemetry/sdk-metrics'
import type { Exemplar, NotedExemplars } from '../telemetry/metrics/exemplars.ts'
import { attachExemplars, type PointExemplars } from './attach-exemplars.ts'
import { type Labels, labelsOf, metricName, renderBounds, renderLabels, withLabel } from './text-format.ts'

export type FamilyType = 'counter' | 'gauge' | 'histogram' | 'info'

export interface Sample {
  /** What the sample's name has behind the family's. */
  readonly suffix: string
  /** As they are written, braces included. */
  readonly labels: string
  readonly value: number
  readonly exemplar?: Exemplar | undefined
}

/** Everything that has one name, of whatever scope. */
export interface Family {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly unit: string
  readonly samples: Sample[]
}

/** Those of OpenMetrics, `_created` included, which is never written here but must not be anyone else's name either. */
const SUFFIXES: Record<FamilyType, readonly string[]> = {
  counter: ['', '_total', '_created'],
  gauge: [''],
  histogram: ['', '_bucket', '_count', '_sum', '_created'],
  info: ['', '_info'],
}

/**
 * Sorts what was collected by name. Scopes come in a fixed order, whatever order the SDK finished them in. A metric that
 * would share names with another type is left out, and `complain` hears of it; of two series with the same labels the
 * first is kept. Yields nothing, after each data point: there the work may be interrupted.
 */
export function* familiesOf(
  { resource, scopeMetrics }: ResourceMetrics,
  noted: Iterable<NotedExemplars>,
  complain: (message: string) => void,
): Generator<'', Iterable<Family>> {
  const families = new Families(complain)
  const target = families.claim({ name: 'target', type: 'info', help: 'Target metadata', unit: '', samples: [] })
  target?.samples.push({ suffix: '_info', labels: renderLabels(labelsOf(resource.attributes)), value: 1 })
  for (const { scope, metrics } of [...scopeMetrics].sort(byScope)) {
    for (const metric of metrics) {
      const described = describe(metric)
      if (described === undefined) complain(`no name for Prometheus can be made of "${metric.descriptor.name}"`)
      const family = described && families.claim(described)
      if (family === undefined) continue
      for (const samples of pointsOf(metric, scope, noted)) {
        families.add(family, samples)
        yield ''
      }
    }
  }
  return families.all()
}

class Families {
  readonly #complain: (message: string) => void
  readonly #families = new Map<string, Family>()
  /** Families by each name their samples may have. */
  readonly #owners = new Map<string, Family>()
  readonly #series = new Set<string>()

  constructor(complain: (message: string) => void) {
    this.#complain = complain
  }

  all(): Iterable<Family> {
    return this.#families.values()
  }

  /** The samples of one data point. */
  add({ name, samples: all }: Family, samples: readonly Sample[]): void {
    const series = name + samples[0]!.labels
    if (this.#series.has(series)) return
    this.#series.add(series)
    all.push(...samples)
  }

  /** The family of that name, unless another type has it. */
  claim(described: Family): Family | undefined {
    const { name, type } = described
    const known = this.#families.get(name)
    if (known?.type === type) return known
    const names = SUFFIXES[type].map((suffix) => name + suffix)
    const owner = names.map((claimed) => this.#owners.get(claimed)).find((other) => other !== undefined)
    if (owner !== undefined) {
      this.#complain(
        `the ${type} "${name}" is left out: its names clash with those of the ${owner.type} "${owner.name}"`,
      )
      return undefined
    }
    for (const claimed of names) this.#owners.set(claimed, described)
    this.#families.set(name, described)
    return described
  }
}

function describe(metric: MetricData): Family | undefined {
  const name = metricName(metric.descriptor.name)
  if (name === undefined) return undefined
  const { description: help, unit } = metric.descriptor
  const type = typeOf(metric)
  return { name: type === 'counter' ? name.replace(/_total$/, '') : name, type, help, unit, samples: [] }
}

function typeOf(metric: MetricData): FamilyType {
  if (metric.dataPointType === DataPointType.GAUGE) return 'gauge'
  if (metric.dataPointType === DataPointType.SUM) return metric.isMonotonic ? 'counter' : 'gauge'
  return 'histogram'
}

type Scope = ScopeMetrics['scope']

/** The samples of each data point. */
function* pointsOf(metric: MetricData, scope: Scope, noted: Iterable<NotedExemplars>): Iterable<Sample[]> {
  const own = scopeLabels(scope)
  const labels = (attributes: Attributes) => labelsOf(attributes, own)
  switch (metric.dataPointType) {
    case DataPointType.HISTOGRAM: {
      const exemplars = attachExemplars(metric, scope.name, noted)
      for (const point of metric.dataPoints) {
        yield histogram(labels(point.attributes), point.value, exemplars.get(point))
      }
      return
    }
    case DataPointType.EXPONENTIAL_HISTOGRAM:
      for (const point of metric.dataPoints) yield histogram(labels(point.attributes), withoutBuckets(point))
      return
    default: {
      const suffix = typeOf(metric) === 'counter' ? '_total' : ''
      for (const { attributes, value } of metric.dataPoints) {
        yield [{ suffix, labels: renderLabels(labels(attributes)), value }]
      }
    }
  }
}

function histogram(all: Labels, { buckets, count, sum }: Histogram, exemplars: PointExemplars = []): Sample[] {
  const labels = renderLabels(withoutBound(all))
  const { boundaries, counts } = buckets
  const bounds = renderBounds(boundaries)
  let total = 0
  const samples: Sample[] = counts.map((own, index) => {
    total += own
    const le = bounds[index]!
    return { suffix: '_bucket', labels: withLabel(labels, 'le', le), value: total, exemplar: exemplars[index] }
  })
  // Where values may be negative a sum may fall, and OpenMetrics forbids it.
  if (sum !== undefined && !(boundaries[0]! < 0)) samples.push({ suffix: '_sum', labels, value: sum })
  samples.push({ suffix: '_count', labels, value: count })
  return samples
}

/** `le` belongs to the buckets. An attribute of that name is renamed as Prometheus renames labels it has of its own. */
function withoutBound(labels: Labels): Labels {
  if (!labels.has('le')) return labels
  return new Map(Array.from(labels, ([name, value]) => [name === 'le' ? 'exported_le' : name, value]))
}

/** Neither format can write exponential buckets. Count and sum, so rates and averages, remain. */
function withoutBuckets({ value: { count, sum } }: DataPoint<ExponentialHistogram>): Histogram {
  return { buckets: { boundaries: [], counts: [count] }, count, ...(sum !== undefined && { sum }) }
}

function scopeLabels({ name, schemaUrl, version }: Scope): Labels {
  return labelsOf({
    'otel.scope.name': name,
    ...(schemaUrl && { 'otel.scope.schema_url': schemaUrl }),
    ...(version && { 'otel.scope.version': version }),
  })
}

function byScope({ scope: a }: ScopeMetrics, { scope: b }: ScopeMetrics): number {
  const [first, second] = [`${a.name} ${a.version ?? ''}`, `${b.name} ${b.version ?? ''}`]
  if (first === second) return 0
  return first < second ? -1 : 1
}
