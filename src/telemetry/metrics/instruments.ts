import { type Attributes, type Context, type Meter, type MetricOptions, ValueType } from '@opentelemetry/api'
import { METRICS, type MetricSpec } from './catalogue.ts'

/** Records one value. Never throws, and ignores what is not a finite number. */
export type Write = (value: number, attributes: Attributes, context?: Context) => void

/** Hears of an error thrown by a meter, which is never passed on: telemetry must not fail a write. */
export type Complain = (error: unknown) => void

/** The instruments the engine writes to; those that are observed belong to {@link LiveGauges}. */
export type Instruments = ReturnType<typeof createInstruments>

export function createInstruments(meter: Meter, complain: Complain) {
  const histogram = (spec: MetricSpec): Write => {
    const instrument = meter.createHistogram(spec.name, instrumentOptions(spec))
    return guarded((value, attributes, context) => instrument.record(value, attributes, context), complain)
  }
  const counter = (spec: MetricSpec): Write => {
    const instrument = meter.createCounter(spec.name, instrumentOptions(spec))
    return guarded((value, attributes) => instrument.add(value, attributes), complain)
  }
  return {
    enqueueLatency: histogram(METRICS.enqueueLatency),
    dequeueLatency: histogram(METRICS.dequeueLatency),
    assembleDuration: histogram(METRICS.assembleDuration),
    executeDuration: histogram(METRICS.executeDuration),
    processDuration: histogram(METRICS.processDuration),
    batchSize: histogram(METRICS.batchSize),
    batches: counter(METRICS.batches),
    records: counter(METRICS.records),
    errors: counter(METRICS.errors),
    submitRejected: counter(METRICS.submitRejected),
    flushes: counter(METRICS.flushes),
    coalescedRecords: counter(METRICS.coalescedRecords),
    deadLetters: counter(METRICS.deadLetters),
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

function guarded(write: Write, complain: Complain): Write {
  return (value, attributes, context) => {
    if (!Number.isFinite(value)) return
    try {
      write(value, attributes, context)
    } catch (error) {
      complain(error)
    }
  }
}
