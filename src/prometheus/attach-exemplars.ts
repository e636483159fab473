import type { Attributes, HrTime } from '@opentelemetry/api'
import type { DataPoint, Histogram, HistogramMetricData } from '@opentelemetry/sdk-metrics'
import { METRICS } from '../telemetry/metrics/catalogue.ts'
import { bucketOf, type Exemplar, type NotedExemplars } from '../telemetry/metrics/exemplars.ts'
import { SCOPE } from '../telemetry/scope.ts'

/** The exemplars of a point, by index of its own buckets. */
export type PointExemplars = readonly (Exemplar | undefined)[]

type Point = DataPoint<Histogram>

/**
 * Finds out which point and bucket of our execute duration each exemplar was counted in; one that was not counted there is
 * left out, and other metrics have none.
 *
 * A view may have dropped attributes, then several attribute sets have become one point: what was noted is reduced to the
 * attributes that occur in the metric at all, after which it equals the attributes of exactly one point. A view may have
 * chosen other buckets, so the bucket is looked up by the point's own bounds.
 */
export function attachExemplars(
  { descriptor, dataPoints }: HistogramMetricData,
  scope: string,
  noted: Iterable<NotedExemplars>,
): ReadonlyMap<Point, PointExemplars> {
  const attached = new Map<Point, (Exemplar | undefined)[]>()
  if (scope !== SCOPE.name || descriptor.name !== METRICS.executeDuration.name) return attached
  const names = [...new Set(dataPoints.flatMap(({ attributes }) => Object.keys(attributes)))]
  const points = new Map(dataPoints.map((point) => [keyOf(point.attributes, names), point]))
  for (const { attributes, latest } of noted) {
    const point = points.get(keyOf(attributes, names))
    if (point === undefined) continue
    const exemplars = attached.get(point) ?? []
    attached.set(point, exemplars)
    for (const exemplar of latest) if (exemplar !== undefined) attach(exemplar, point, exemplars)
  }
  return attached
}

function attach(exemplar: Exemplar, { value, startTime, endTime }: Point, exemplars: (Exemplar | undefined)[]): void {
  const { boundaries, counts } = value.buckets
  const bucket = bucketOf(exemplar.value, boundaries)
  const counted = exemplar.at >= milliseconds(startTime) && exemplar.at <= milliseconds(endTime) && counts[bucket] !== 0
  if (counted && exemplar.at >= (exemplars[bucket]?.at ?? 0)) exemplars[bucket] = exemplar
}

function keyOf(attributes: Attributes, names: readonly string[]): string {
  return JSON.stringify(names.map((name) => attributes[name] ?? null))
}

function milliseconds([seconds, nanoseconds]: HrTime): number {
  return seconds * 1e3 + nanoseconds / 1e6
}
