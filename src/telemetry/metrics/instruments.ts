import { type Attributes, type Context, context, type Meter, type MetricOptions, ValueType } from '@opentelemetry/api'
import type { Backlog } from './backlog.ts'
import { METRICS, type MetricSpec } from './catalogue.ts'

/** Records one value. Never throws, and ignores what is not a finite number. */
export type Write = (value: number, attributes: Attributes, context?: Context) => void

/** The instruments that are written to; the others are read when somebody collects, see {@link SharedMeter}. */
export type Instruments = ReturnType<typeof createInstruments>

export function createInstruments(meter: Meter, backlog: Backlog) {
  const histogram = (spec: MetricSpec): Write => {
    const instrument = meter.createHistogram(spec.name, instrumentOptions(spec))
    const known = new WeakSet<Attributes>()
    return (value, attributes, batch = context.active()) => {
      if (!Number.isFinite(value)) return
      if (known.has(attributes)) return backlog.note(instrument, value, attributes, batch)
      known.add(attributes)
      backlog.record(instrument, value, attributes, batch) // at once: a series begins when its first value is recorded
    }
  }
  return {
    enqueueLatency: histogram(METRICS.enqueueLatency),
    dequeueLatency: histogram(METRICS.dequeueLatency),
    assembleDuration: histogram(METRICS.assembleDuration),
    executeDuration: histogram(METRICS.executeDuration),
    processDuration: histogram(METRICS.processDuration),
    batchSize: histogram(METRICS.batchSize),
  } as const
}

/** What the API wants to know about an instrument of the catalogue. Buckets are advice: a view may still choose others. */
export function instrumentOptions(spec: MetricSpec): MetricOptions {
  return {
    description: spec.description,
    unit: spec.unit,
    valueType: spec.unit === 's' ? ValueType.DOUBLE : ValueType.INT,
    ...(spec.buckets && { advice: { explicitBucketBoundaries: [...spec.buckets] } }),
  }
}
