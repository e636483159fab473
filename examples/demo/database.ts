import { defineTable } from 'batchflow-otel'
import pg from 'pg'
import { bootPostgres } from './embedded-postgres.ts'
import type { Flight } from './flights.ts'
import { DAILY_SHIFTS, type DailyDelays, FLIGHT_SHIFTS, type Model, PRIME, type Totals } from './model.ts'

export const flights = defineTable<Flight>('flights', {
  columns: ['date', 'delay', 'distance', 'origin', 'destination'],
})

export const dailyDelays = defineTable<DailyDelays>('daily_delays', {
  columns: ['origin', 'day', 'flights', 'delay', 'distance'],
  onConflict: { action: 'update', keys: ['origin', 'day'] },
})

export interface Database {
  readonly pool: pg.Pool
  /** For people: `PostgreSQL 18.4, embedded`. */
  readonly label: string
  /** Ends the pool and, if the server is ours, the server. */
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** A server that is there already; without it, one is booted. */
  readonly url?: string | undefined
  /** Dropped and made anew: the tables of the demo live there. */
  readonly schema: string
  readonly connections: number
}

/** Connects, booting a server if need be, and makes empty tables. */
export async function openDatabase({ url, schema, connections }: DatabaseOptions): Promise<Database> {
  const server = url === undefined ? await bootPostgres() : undefined
  const pool = new pg.Pool({
    connectionString: url ?? server?.url,
    max: connections,
    connectionTimeoutMillis: 10_000,
    options: `-c search_path=${schema}`,
  })
  pool.on('error', () => {}) // an idle connection that breaks is replaced by the pool; work that fails says so itself
  const close = async () => {
    await pool.end()
    await server?.remove()
  }
  try {
    await createTables(pool, schema)
    const { rows } = await pool.query<{ server_version: string }>('SHOW server_version')
    const version = rows[0]?.server_version.split(' ')[0]
    return { pool, label: `PostgreSQL ${version}${server === undefined ? '' : ', embedded'}`, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function createTables(pool: pg.Pool, schema: string): Promise<void> {
  const name = pg.escapeIdentifier(schema)
  await pool.query(`
    DROP SCHEMA IF EXISTS ${name} CASCADE;
    CREATE SCHEMA ${name};
    CREATE TABLE ${name}.flights (
      date timestamptz NOT NULL, delay integer NOT NULL, distance integer NOT NULL,
      origin text NOT NULL, destination text NOT NULL
    );
    CREATE TABLE ${name}.daily_delays (
      origin text, day date, flights integer NOT NULL, delay bigint NOT NULL, distance bigint NOT NULL,
      PRIMARY KEY (origin, day)
    );`)
}

/** Compares both tables with the model; each line says what differs, none means that nothing does. */
export async function verify(pool: pg.Pool, model: Model): Promise<string[]> {
  const [inFlights, inDaily] = await Promise.all([
    pool.query<Counted>(FLIGHT_TOTALS),
    pool.query<Counted>(DAILY_TOTALS),
  ])
  return [
    ...differences('flights', model.flights(), inFlights.rows[0]),
    ...differences('daily_delays', model.daily(), inDaily.rows[0]),
  ]
}

/** As PostgreSQL's `bigint` and `numeric` come over the wire. */
type Counted = Record<keyof Totals, string>

function differences(table: string, expected: Totals, found: Counted | undefined): string[] {
  const names = Object.keys(expected) as (keyof Totals)[]
  return names
    .filter((name) => Number(found?.[name]) !== expected[name])
    .map((name) => `${table}: ${name} should be ${expected[name]}, is ${found?.[name]}`)
}

const FLIGHT_TOTALS = `
  SELECT count(*) AS rows, count(*) AS flights, ${sum('delay')} AS delay, ${sum('distance')} AS distance,
    ${hashSum(
      [`extract(epoch FROM date)::bigint / 60`, 'delay', 'distance', airport('origin'), airport('destination')],
      FLIGHT_SHIFTS,
    )} AS hash
  FROM flights`

const DAILY_TOTALS = `
  SELECT count(*) AS rows, ${sum('flights')} AS flights, ${sum('delay')} AS delay, ${sum('distance')} AS distance,
    ${hashSum([`(day - DATE '1970-01-01')`, airport('origin'), 'flights', 'delay', 'distance'], DAILY_SHIFTS)} AS hash
  FROM daily_delays`

function sum(expression: string): string {
  return `coalesce(sum(${expression}), 0)`
}

/** The same product of shifted values as in `model.ts`. */
function hashSum(values: readonly string[], shifts: readonly number[]): string {
  const [first = '0', ...factors] = values.map((value, i) => `(${value} + ${shifts[i]})::bigint`)
  return sum(factors.reduce((product, factor) => `mod(${product} * ${factor}, ${PRIME})`, first))
}

function airport(column: string): string {
  return `('x' || encode(convert_to(${column}, 'UTF8'), 'hex'))::bit(24)::integer`
}
