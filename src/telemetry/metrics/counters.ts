import type { Attributes, Counter, Meter } from '@opentelemetry/api'
import { METRICS } from './catalogue.ts'
import { cellOf } from './cells.ts'
import { instrumentOptions } from './instruments.ts'
import { type ALL_METRICS, SOURCE_METRICS } from './source-catalogue.ts'

/** Every counter of the catalogue: one that is forgotten here does not compile. */
const COUNTERS = {
  batches: METRICS.batches,
  records: METRICS.records,
  errors: METRICS.errors,
  submitRejected: METRICS.submitRejected,
  flushes: METRICS.flushes,
  coalescedRecords: METRICS.coalescedRecords,
  deadLetters: METRICS.deadLetters,
  acceptedRecords: METRICS.acceptedRecords,
  executorOutages: METRICS.executorOutages,
  supersededRecords: METRICS.supersededRecords,
  deletedRecords: METRICS.deletedRecords,
  sentBytes: METRICS.sentBytes,
  sourceMessages: SOURCE_METRICS.sourceMessages,
  sourceRedelivered: SOURCE_METRICS.sourceRedelivered,
} as const satisfies { [K in CounterName]: (typeof ALL_METRICS)[K] }

export type CounterName = {
  [K in keyof typeof ALL_METRICS]: (typeof ALL_METRICS)[K]['kind'] extends 'counter' ? K : never
}[keyof typeof ALL_METRICS]

/** One series of a counter: a plain number, and how much of it the SDK has been told. */
export class Count {
  readonly attributes: Attributes
  #value = 0
  #told: number | undefined

  constructor(attributes: Attributes) {
    this.attributes = attributes
  }

  add(events: number): void {
    this.raise(this.#value + events)
  }

  /** It never falls. What is no number of events is left out: it would spoil the sum for ever. */
  raise(value: number): void {
    if (value > this.#value && value < Number.POSITIVE_INFINITY) this.#value = value
  }

  tell(counter: Counter): void {
    if (this.#value === this.#told) return
    counter.add(this.#value - (this.#told ?? 0), this.attributes)
    this.#told = this.#value
  }
}

interface Family {
  readonly counter: Counter
  readonly series: Map<string, Count>
}

/**
 * The counters of one meter as plain numbers, which belong to it and outlive flows and reporters. To record a value with
 * attributes costs the SDK a microsecond, to add to a number nothing; so it is told of them when somebody collects.
 *
 * Observable counters would cost as little. But where a view drops an attribute, the SDK keeps one of the observed values
 * that become equal by it, while what is added to a counter adds up.
 */
export class Counters {
  readonly #families: ReadonlyMap<CounterName, Family>

  constructor(meter: Meter) {
    const family = (name: CounterName): [CounterName, Family] => {
      const spec = COUNTERS[name]
      return [name, { counter: meter.createCounter(spec.name, instrumentOptions(spec)), series: new Map() }]
    }
    this.#families = new Map((Object.keys(COUNTERS) as CounterName[]).map(family))
  }

  /** The series of these attributes, the same for all who ask. It begins at 0, at the next collection. */
  of(name: CounterName, attributes: Attributes): Count {
    return cellOf(this.#families.get(name)!.series, attributes, () => new Count(attributes))
  }

  /** Called as a collection begins, before the SDK looks at its counters. */
  tell(): void {
    for (const { counter, series } of this.#families.values()) for (const count of series.values()) count.tell(counter)
  }
}
