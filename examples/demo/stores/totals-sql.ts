import { type Contents, DAILY_SHIFTS, FLIGHT_SHIFTS, PRIME, type Totals } from '../model.ts'

/** What databases say differently; all take column names. */
export interface Dialect {
  /** Minutes since 1970, of a point in time. */
  minute(column: string): string
  /** Days since 1970, of a date. */
  day(column: string): string
  /** The three letters as one number, each a byte. */
  airport(column: string): string
  /** An expression as an integer of 64 bits. */
  wide(expression: string): string
}

/** Statements with one row each: the totals of `flights` and `daily_delays`. */
export function totalsSql({ minute, day, airport, wide }: Dialect): { flights: string; daily: string } {
  const hash = (values: readonly string[], shifts: readonly number[]) => sum(product(values, shifts, wide))
  const flight = [minute('date'), 'delay', 'distance', airport('origin'), airport('destination')]
  const daily = [day('day'), airport('origin'), 'flights', 'delay', 'distance']
  return {
    flights: select('flights', { flights: 'count(*)', hash: hash(flight, FLIGHT_SHIFTS) }),
    daily: select('daily_delays', { flights: sum('flights'), hash: hash(daily, DAILY_SHIFTS) }),
  }
}

/** The same product of shifted values, modulo a prime, as in `model.ts`. */
function product(values: readonly string[], shifts: readonly number[], wide: Dialect['wide']): string {
  const [first = '0', ...factors] = values.map((value, i) => wide(`${value} + ${shifts[i]}`))
  return factors.reduce((product, factor) => `(${product} * ${factor} % ${PRIME})`, first)
}

function select(table: string, { flights, hash }: { flights: string; hash: string }): string {
  const totals = { rows: 'count(*)', flights, delay: sum('delay'), distance: sum('distance'), hash }
  const columns = Object.entries(totals).map(([name, expression]) => `${expression} AS total_${name}`)
  return `SELECT ${columns.join(', ')} FROM ${table}`
}

function sum(expression: string): string {
  return `coalesce(sum(${expression}), 0)`
}

/** Carries both statements out; sums may come as text. */
export async function readContents(
  statements: { flights: string; daily: string },
  query: (sql: string) => unknown,
): Promise<Contents> {
  return { flights: totalsOf(await query(statements.flights)), daily: totalsOf(await query(statements.daily)) }
}

function totalsOf(row: unknown): Totals {
  const total = (name: keyof Totals) => Number((row as Record<string, unknown>)[`total_${name}`])
  const [rows, flights, delay, distance, hash] = [
    total('rows'),
    total('flights'),
    total('delay'),
    total('distance'),
    total('hash'),
  ]
  return { rows, flights, delay, distance, hash }
}
