import { postgresExecutor } from 'batchflow-otel/postgres'
import pg from 'pg'
import { type Backend, latest, orders } from './backend.ts'

/** @param schema dropped and made anew, and dropped again by `close` */
export async function postgresBackend(url: string, schema: string): Promise<Backend> {
  const pool = new pg.Pool({ connectionString: url, max: 6, options: `-c search_path=${schema}` })
  pool.on('error', () => {}) // an idle connection that breaks is replaced by the pool
  pool.on('connect', (client) => client.on('error', () => {})) // of one that is held, the next query tells
  const name = pg.escapeIdentifier(schema)
  await pool.query(`
    DROP SCHEMA IF EXISTS ${name} CASCADE;
    CREATE SCHEMA ${name};
    CREATE UNLOGGED TABLE ${name}.orders (id bigint, customer int, amount int CHECK (amount >= 0));
    CREATE UNLOGGED TABLE ${name}.latest_orders (customer int PRIMARY KEY, id bigint, amount int);`)
  return {
    executor: postgresExecutor(pool),
    feeds: [orders('orders', 3_000), latest('latest_orders', 1_000)],
    hold: (work) => locked(pool, work),
    trim: async () => void (await pool.query('TRUNCATE orders')),
    close: () =>
      pool
        .query(`DROP SCHEMA IF EXISTS ${name} CASCADE`)
        .then(() => {})
        .finally(() => pool.end()),
  }
}

async function locked(pool: pg.Pool, work: () => Promise<void>): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN; LOCK TABLE orders IN SHARE MODE')
    await work()
  } finally {
    await client.query('ROLLBACK').then(
      () => client.release(),
      (error) => client.release(error),
    )
  }
}
