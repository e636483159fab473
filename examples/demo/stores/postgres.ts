import { postgresExecutor } from 'batchflow-otel/postgres'
import pg from 'pg'
import type { Hold, Store, StoreOptions } from './store.ts'
import { readContents, totalsSql } from './totals-sql.ts'

/** The tables live in a schema of their own. */
export async function openPostgres({ url, schema, connections }: StoreOptions): Promise<Store> {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: 10_000,
    options: `-c search_path=${schema}`,
  })
  pool.on('error', () => {}) // an idle connection that breaks is replaced by the pool; work that fails says so itself
  try {
    await createTables(pool, schema)
    const { rows } = await pool.query<{ server_version: string }>('SHOW server_version')
    return {
      label: `PostgreSQL ${rows[0]?.server_version.split(' ')[0]}`,
      executor: postgresExecutor(pool),
      trouble: { refusal: 'a CHECK constraint', hold: lockIn(pool) },
      contents: () => readContents(TOTALS, async (sql) => (await pool.query(sql)).rows[0]),
      close: () => pool.end(),
    }
  } catch (error) {
    await pool.end()
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
    );
    CREATE TABLE ${name}.rehearsal (id integer PRIMARY KEY, amount integer NOT NULL CHECK (amount >= 0));`)
}

const TOTALS = totalsSql({
  minute: (column) => `extract(epoch FROM ${column})::bigint / 60`,
  day: (column) => `(${column} - DATE '1970-01-01')`,
  airport: (column) => `('x' || encode(convert_to(${column}, 'UTF8'), 'hex'))::bit(24)::integer`,
  wide: (expression) => `(${expression})::bigint`,
})

function lockIn(pool: pg.Pool): Hold {
  return {
    consequence: 'an attempt that timed out behind a lock',
    async during(work) {
      const client = await pool.connect()
      try {
        await client.query('BEGIN; LOCK TABLE rehearsal IN SHARE MODE')
        return await work()
      } finally {
        await client.query('ROLLBACK')
        client.release()
      }
    },
  }
}
