import { type Attributes, type Context, type Meter, type MetricOptions, ValueType } from '@opentelemetry/api'
import type { Guard } from '../../support/guard.ts'
import { METRICS, type MetricSpec } from './catalogue.ts'

/** Records one value. Never throws, and ignores what is not a finite number. */
export type Write = (value: number, attributes: Attributes, context?: Context) => void

/** The instruments that are written to; the others are read when somebody collects, see {@link SharedMeter}. */
export type Instruments = ReturnType<typeof createInstruments>

export function createInstruments(meter: Meter, guard: Guard) {
  const histogram = (spec: MetricSpec): Write => {
    const instrument = meter.createHistogram(spec.name, instrumentOptions(spec))
    return finite(guard.wrap((value, attributes, context) => instrument.record(value, attributes, context)))
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

function finite(write: Write): Write {
  return (value, attributes, context) => {
    if (Number.isFinite(value)) write(value, attributes, context)
  }
}
