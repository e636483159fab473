import { prometheusName } from '../../../telemetry/metrics/catalogue.ts'
import type { MetricSpec } from '../../../telemetry/metrics/metric-spec.ts'
import type { Labels, Sample, Series } from './openmetrics.ts'

/** What is summed under the same values of some labels. */
export interface Group {
  readonly labels: Labels
  readonly value: number
}

export interface Select {
  /** Labels that keep values apart. @default none: all are one group */
  readonly by?: readonly string[]
  readonly where?: (labels: Labels) => boolean
  /** `_bucket`, `_sum`, `_count` of a histogram. */
  readonly suffix?: string
}

interface Snapshot {
  readonly at: number
  readonly totals: ReadonlyMap<string, number>
}

/** Milliseconds of which counters are remembered: the longest window, and some polls more. */
const KEPT = 90_000

/**
 * The counters of the last minute and the gauges of now. A counter that falls has begun anew, with its process: what it
 * shows then has been counted since, as Prometheus has it. A series that was not there before counts from 0.
 */
export class History {
  #snapshots: Snapshot[] = []
  /** As the page had them last. */
  readonly #raw = new Map<string, number>()
  /** The same without the falls. */
  readonly #totals = new Map<string, number>()
  #byName = new Map<string, Sample[]>()

  get at(): number {
    return this.#snapshots.at(-1)?.at ?? 0
  }

  /** @param at milliseconds */
  add(at: number, samples: readonly Sample[]): void {
    this.#byName = new Map()
    for (const sample of samples) {
      const { key, name } = sample.series
      const others = this.#byName.get(name)
      if (others === undefined) this.#byName.set(name, [sample])
      else others.push(sample)
      const before = this.#raw.get(key) ?? 0
      const grown = sample.value < before ? sample.value : sample.value - before
      this.#raw.set(key, sample.value)
      this.#totals.set(key, (this.#totals.get(key) ?? 0) + grown)
    }
    this.#snapshots.push({ at, totals: new Map(this.#totals) })
    this.#snapshots = this.#snapshots.filter((snapshot) => snapshot.at >= at - KEPT)
  }

  /** What the page shows now, summed. Without a series there is no group. */
  now(metric: MetricSpec, select: Select = {}): Group[] {
    return this.#sum(metric, select, ({ value }) => value)
  }

  /** The exemplars of a histogram, with the labels of the bucket they are in. */
  exemplars(metric: MetricSpec): Sample[] {
    const buckets = this.#byName.get(`${prometheusName(metric)}_bucket`) ?? []
    return buckets.filter(({ exemplar }) => exemplar !== undefined)
  }

  /** The last `seconds`, or what is known of them. */
  window(seconds: number): Window {
    const from = this.#snapshots.findLast(({ at }) => at <= this.at - seconds * 1000) ?? this.#snapshots[0]
    const growth = ({ key }: Series) => (this.#totals.get(key) ?? 0) - (from?.totals.get(key) ?? 0)
    return new Window((this.at - (from?.at ?? this.at)) / 1000, (metric, select) =>
      this.#sum(metric, select, ({ series }) => growth(series)),
    )
  }

  #sum(metric: MetricSpec, { by = [], where, suffix = '' }: Select, measure: (sample: Sample) => number): Group[] {
    const groups = new Map<string, { labels: Labels; value: number }>()
    for (const sample of this.#byName.get(prometheusName(metric) + suffix) ?? []) {
      const { labels } = sample.series
      if (where !== undefined && !where(labels)) continue
      const key = JSON.stringify(by.map((name) => labels[name]))
      const group = groups.get(key)
      if (group !== undefined) group.value += measure(sample)
      else {
        const kept = Object.fromEntries(by.map((name) => [name, labels[name] ?? '']))
        groups.set(key, { labels: kept, value: measure(sample) })
      }
    }
    return [...groups.values()]
  }
}

/** By how much counters grew over some time. */
export class Window {
  /** Covered in fact: less at the beginning, more after a pause. */
  readonly seconds: number
  readonly increase: (metric: MetricSpec, select?: Select) => Group[]

  constructor(seconds: number, increase: (metric: MetricSpec, select: Select) => Group[]) {
    this.seconds = seconds
    this.increase = (metric, select = {}) => increase(metric, select)
  }

  /** The same per second; nothing before a second look. */
  rate(metric: MetricSpec, select?: Select): Group[] {
    if (this.seconds === 0) return []
    return this.increase(metric, select).map(({ labels, value }) => ({ labels, value: value / this.seconds }))
  }
}

/** All groups together, 0 without any. */
export function total(groups: readonly Group[]): number {
  return groups.reduce((sum, { value }) => sum + value, 0)
}
