import type { Model, Totals } from './model.ts'
import type { Store } from './stores/store.ts'

/** Compares both tables with the model; each line says what differs, none means that nothing does. */
export async function verify(store: Store, model: Model): Promise<string[]> {
  const [expected, found] = [model.contents(), await store.contents()]
  return [
    ...differences('flights', expected.flights, found.flights),
    ...differences('daily_delays', expected.daily, found.daily),
  ]
}

function differences(table: string, expected: Totals, found: Totals): string[] {
  const names = Object.keys(expected) as (keyof Totals)[]
  return names
    .filter((name) => found[name] !== expected[name])
    .map((name) => `${table}: ${name} should be ${expected[name]}, is ${found[name]}`)
}
