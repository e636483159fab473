/** Compares every series of a process, on every route, with what the rules make of its load's books. */
import {
  METRICS,
  type MetricSpec,
  prometheusLabel,
  prometheusName,
  prometheusType,
} from '../../../src/telemetry/metrics/catalogue.ts'
import type { Labels, Sample } from '../api.ts'
import type { Identity } from '../providers.ts'
import { ROUTES, type Route, type Routes } from '../routes.ts'
import { type Books, TEST_NAME } from './books.ts'
import { type Expected, identityOf, type Observations, RULES, type Rule, type RuleLabels, type Slack } from './rules.ts'

/** What was asked, what the ledger says, and what each route does. */
export interface Entry {
  readonly question: string
  readonly ledger: string
  readonly values: Readonly<Record<string, number | undefined>>
  readonly problems: readonly string[]
}

/** Which metrics are compared: all, or those that are read at each collection and can fall. */
export type Scope = 'all' | 'gauges'

/** What no rule speaks of: the same for every series of a process. */
const COMMON = [
  '__name__',
  'job',
  'instance',
  'test_name',
  'otel_scope_name',
  'otel_scope_version',
  'otel_scope_schema_url',
]

/** Sums are added up in another order. */
const ROUNDING = 1e-9

/** @param time in seconds since the epoch */
export async function audit(routes: Routes, who: Identity, books: Books, time: number, scope: Scope): Promise<Entry[]> {
  const found = {} as Record<Route, readonly Sample[]>
  for (const route of ROUTES) found[route] = await routes.api[route].query(seriesOf(who, route), time)
  const specs: readonly MetricSpec[] = Object.values(METRICS)
  return specs
    .filter((spec) => scope === 'all' || prometheusType(spec) === 'gauge')
    .flatMap((spec) => entriesOf(spec, books, found, time))
}

/** Everything of a process, on a route. */
export function seriesOf({ job, instance, page, exporter }: Identity, route: Route): string {
  const scraped = { direct: `127.0.0.1:${page}`, exporter: `127.0.0.1:${exporter}` } as Partial<Record<Route, string>>
  return `{__name__=~"batchflow_.+", job="${job}", instance="${scraped[route] ?? instance}", test_name="${TEST_NAME}"}`
}

type Found = Readonly<Record<Route, readonly Sample[]>>

/** What is asked of one metric. */
export function entriesOf(spec: MetricSpec, books: Books, found: Found, time: number): Entry[] {
  const rule: Rule | undefined = RULES[spec.name]
  const name = prometheusName(spec)
  if (rule === undefined) {
    const problem = `${name}: no rule says what the ledger has for it; add one to test/monitoring/ledger/rules.ts`
    return [{ question: name, ledger: 'no rule', values: {}, problems: [problem] }]
  }
  if (rule.kind === 'number') {
    const without = (rule.without ?? []).map(prometheusLabel)
    return [compared(name, rule.of(books, time), found, without)]
  }
  const observed = rule.of(books)
  const slack = rule.slack(books)
  return [
    compared(`${name}_count`, observed.map(countOf), found, []),
    compared(
      `${name}_sum`,
      observed.map((one) => sumOf(one, slack)),
      found,
      [],
    ),
    compared(
      `${name}_bucket`,
      observed.flatMap((one) => bucketsOf(one, slack, spec.buckets ?? [])),
      found,
      [],
    ),
  ]
}

function countOf({ labels, values }: Observations): Expected {
  return { labels, low: values.length, high: values.length }
}

function sumOf({ labels, values }: Observations, { relative, each, once, together }: Slack): Expected {
  const low = values.reduce((sum, [value]) => sum + value, 0)
  const high = values.reduce((sum, [, value]) => sum + value, 0)
  const slack = (relative + ROUNDING) * high + each * values.length + once * Math.min(together, values.length)
  return { labels, low: Math.max(0, low - slack), high: high + slack }
}

/** How many observations are at most `le`: those that surely are, and those that may be. */
function bucketsOf({ labels, values }: Observations, { relative, once }: Slack, bounds: readonly number[]): Expected[] {
  return [...bounds, Number.POSITIVE_INFINITY].map((le) => ({
    labels: { ...labels, le: String(le) } as RuleLabels,
    low: values.filter(([, value]) => value * (1 + relative) + once <= le).length,
    high: values.filter(([value]) => value * (1 - relative) - once <= le).length,
  }))
}

/** One line for all series of a name; a problem for each that differs. */
function compared(name: string, expected: readonly Expected[], found: Found, without: readonly string[]): Entry {
  const wanted = new Map(expected.map((one) => [identityOf(renamed(one.labels)), one]))
  const problems: string[] = []
  const values: Record<string, number> = {}
  for (const route of ROUTES) {
    const samples = found[route].filter(({ labels }) => labels['__name__'] === name)
    const sums = summed(samples, without)
    values[route] = samples.reduce((sum, { value }) => sum + value, 0)
    for (const key of new Set([...wanted.keys(), ...sums.keys()])) {
      const { low, high } = wanted.get(key) ?? { low: 0, high: 0 }
      const value = sums.get(key)
      // A series that has not begun is at 0.
      if ((value ?? 0) >= low && (value ?? 0) <= high) continue
      problems.push(`${name}${shown(key)}: ${route} has ${value ?? 'no such series'}, the ledger ${range(low, high)}`)
    }
  }
  const total = (bound: 'low' | 'high') => expected.reduce((sum, one) => sum + one[bound], 0)
  return { question: name, ledger: range(total('low'), total('high')), values, problems }
}

function summed(samples: readonly Sample[], without: readonly string[]): Map<string, number> {
  const sums = new Map<string, number>()
  for (const { labels, value } of samples) {
    const own = Object.entries(labels).filter(([label]) => !COMMON.includes(label) && !without.includes(label))
    const key = identityOf(Object.fromEntries(own.map(([label, text]) => [label, label === 'le' ? bound(text) : text])))
    sums.set(key, (sums.get(key) ?? 0) + value)
  }
  return sums
}

function renamed(labels: RuleLabels): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name === 'le' ? name : prometheusLabel(name as never), value]),
  )
}

/** As a number is written here, not as a route writes it. */
function bound(le: string): string {
  return String(le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le))
}

function shown(key: string): string {
  const labels = JSON.parse(key) as [string, string][]
  return `{${labels.map(([name, value]) => `${name}="${value}"`).join(', ')}}`
}

export function range(low: number, high: number): string {
  const text = (value: number) => String(Number(value.toPrecision(6)))
  return text(low) === text(high) ? text(low) : `${text(low)} … ${text(high)}`
}
