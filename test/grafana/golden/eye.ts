/** What a view of the world shows, worked out without PromQL. */
import type { Labels } from '../../support/promtool/unit-tests.ts'
import { bucketsOf, increaseOf, type MetricName, type Point, pointsOf, sumOf, totalOf } from './world.ts'

export type Match = Readonly<Record<string, RegExp>>

/** Values by their labels. */
export class Vector {
  readonly points: readonly Point[]

  constructor(points: readonly Point[]) {
    this.points = points
  }

  sum(...by: readonly string[]): Vector {
    return this.#fold(by, (a, b) => a + b)
  }

  max(...by: readonly string[]): Vector {
    return this.#fold(by, Math.max)
  }

  count(): Vector {
    return this.points.length === 0 ? this : new Vector([{ labels: {}, value: this.points.length }])
  }

  filter(keep: (value: number) => boolean): Vector {
    return new Vector(this.points.filter(({ value }) => keep(value)))
  }

  map(change: (value: number) => number): Vector {
    return new Vector(this.points.map(({ labels, value }) => ({ labels, value: change(value) })))
  }

  /** Joins what has the same labels. */
  with(other: Vector, join: (a: number, b: number) => number): Vector {
    const others = new Map(other.points.map(({ labels, value }) => [keyOf(labels), value]))
    return new Vector(
      this.points.flatMap(({ labels, value }) => {
        const found = others.get(keyOf(labels))
        return found === undefined ? [] : [{ labels, value: join(value, found) }]
      }),
    )
  }

  /** Nothing where `other` is 0. */
  per(other: Vector): Vector {
    return this.with(
      other.filter((value) => value > 0),
      (a, b) => a / b,
    )
  }

  or(other: Vector): Vector {
    const own = new Set(this.points.map(({ labels }) => keyOf(labels)))
    return new Vector([...this.points, ...other.points.filter(({ labels }) => !own.has(keyOf(labels)))])
  }

  /** Of buckets that are cumulative, what is in all of them. */
  total(): Vector {
    return new Vector(this.points.filter(({ labels }) => labels['le'] === '+Inf')).sum()
  }

  top(count: number): Vector {
    return new Vector(this.points.toSorted((a, b) => b.value - a.value).slice(0, count))
  }

  /** As a test of promtool wants it. */
  expected(): Record<string, number> {
    return Object.fromEntries(this.points.map(({ labels, value }) => [textOf(labels), value]))
  }

  #fold(by: readonly string[], join: (a: number, b: number) => number): Vector {
    const found = new Map<string, Point>()
    for (const { labels, value } of this.points) {
      const kept = Object.fromEntries(
        by.filter((label) => label in labels).map((label) => [label, labels[label] ?? '']),
      )
      const before = found.get(keyOf(kept))
      found.set(keyOf(kept), { labels: kept, value: before === undefined ? value : join(before.value, value) })
    }
    return new Vector([...found.values()])
  }
}

export class Eye {
  readonly #chosen: (labels: Labels) => boolean
  /** Whether nothing is happening. */
  readonly idle: boolean

  constructor(chosen: (labels: Labels) => boolean, idle: boolean) {
    this.#chosen = chosen
    this.idle = idle
  }

  /** Events a second. */
  rate(name: MetricName, match: Match = {}): Vector {
    return this.gauge(name, match).map((value) => (this.idle ? 0 : value))
  }

  /** What a gauge is. */
  gauge(name: MetricName, match: Match = {}): Vector {
    return new Vector(pointsOf(name).filter(({ labels }) => this.#chosen(labels) && matches(labels, match)))
  }

  /** What a counter has come to. */
  total(name: MetricName, match: Match = {}): Vector {
    return this.gauge(name, match).map((value) => totalOf(value, this.idle))
  }

  /** Events within the time range shown, of which `increase` takes a minute of 20 for granted: it sees 19 of them. */
  increase(name: MetricName, match: Match = {}): Vector {
    return this.gauge(name, match).map((value) => (this.idle ? 0 : (increaseOf(value) * 20) / 19))
  }

  /** Events a second in each bucket, cumulative, by `le` and the labels. */
  buckets(name: MetricName, ...by: readonly string[]): Vector {
    const points = bucketsOf(name).flatMap(({ labels, counts }) => {
      let sum = 0
      return counts.map(([le, count]) => ({
        labels: { ...labels, le: leText(le) },
        value: (sum += this.idle ? 0 : count),
      }))
    })
    return new Vector(points.filter(({ labels }) => this.#chosen(labels))).sum('le', ...by)
  }

  /** Mean of what is recorded. */
  mean(name: MetricName, ...by: readonly string[]): Vector {
    const places = this.gauge(name)
    const sums = new Vector(places.points.map(({ labels }) => ({ labels, value: this.idle ? 0 : sumOf(name, labels) })))
    return sums
      .sum(...by)
      .per(new Vector(this.buckets(name, ...by).points.filter(({ labels }) => labels['le'] === '+Inf')).sum(...by))
  }

  quantile(q: number, name: MetricName, ...by: readonly string[]): Vector {
    const buckets = this.buckets(name, ...by)
    const groups = buckets.sum(...by).points
    return new Vector(
      groups.map(({ labels }) => {
        const own = buckets.points.filter((point) => by.every((label) => point.labels[label] === labels[label]))
        return { labels, value: quantileOf(q, own) }
      }),
    )
  }
}

/** Linear inside a bucket, from 0 in the first one; the last finite bound where it is beyond. */
function quantileOf(q: number, points: readonly Point[]): number {
  const sorted = points
    .map(({ labels, value }) => [Number(labels['le']?.replace('+Inf', 'Infinity')), value] as const)
    .sort((a, b) => a[0] - b[0])
  const rank = q * (sorted.at(-1)?.[1] ?? 0)
  let [lower, below] = [0, 0]
  for (const [upper, count] of sorted) {
    if (count >= rank)
      return upper === Number.POSITIVE_INFINITY ? lower : lower + ((upper - lower) * (rank - below)) / (count - below)
    ;[lower, below] = [upper, count]
  }
  return Number.NaN
}

export function leText(le: number): string {
  return le === Number.POSITIVE_INFINITY ? '+Inf' : String(le)
}

function matches(labels: Labels, match: Match): boolean {
  return Object.entries(match).every(([label, pattern]) => pattern.test(labels[label] ?? ''))
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function textOf(labels: Labels): string {
  return `{${Object.entries(labels)
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    .join(', ')}}`
}
