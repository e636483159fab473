import type { Labels, Sample } from './api.ts'
import { ROUTES, type Route } from './routes.ts'

/** What a route is expected to do in its own way; nothing else may differ. */
export const EXPECTED_DIFFERENCES: readonly string[] = [
  'instance: the address that is scraped; where metrics are sent, the service.instance.id of their resource',
  'le of a whole number: Prometheus writes 1.0 when it scrapes, 1 when it receives OTLP; quantiles do not mind',
]

/** Sums are added up in another order by each route. */
const RELATIVE_ERROR = 1e-9

export type ByRoute<T> = Readonly<Record<Route, T>>

/** Each line says what a route lacks or has beyond the first one; none means that nothing differs. */
export function differences(results: ByRoute<readonly Sample[]>, values: boolean): string[] {
  const [first, ...others] = ROUTES
  const expected = new Map(results[first].map((sample) => [identity(sample.labels), sample.value]))
  return others.flatMap((route) => {
    const found = new Map(results[route].map((sample) => [identity(sample.labels), sample.value]))
    const lacks = [...expected.keys()].filter((key) => !found.has(key)).map((key) => `${route} lacks ${key}`)
    const extra = [...found.keys()].filter((key) => !expected.has(key)).map((key) => `${route} alone has ${key}`)
    const unequal = [...found].filter(([key, value]) => !close(value, expected.get(key) ?? value))
    const wrong = unequal.map(([key, value]) => `${route} has ${value}, not ${expected.get(key)}, for ${key}`)
    return values ? [...lacks, ...extra, ...wrong] : [...lacks, ...extra]
  })
}

function identity(labels: Labels): string {
  const entries = Object.entries(labels).filter(([name]) => name !== 'instance')
  const kept = entries.map(([name, value]) => [name, name === 'le' ? String(Number(value)) : value] as const)
  return JSON.stringify(Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1))))
}

function close(a: number, b: number): boolean {
  return a === b || Math.abs(a - b) <= RELATIVE_ERROR * Math.max(Math.abs(a), Math.abs(b))
}
