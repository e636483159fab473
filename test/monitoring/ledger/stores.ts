/** The databases of the ledger load: a table that only grows, one whose rows share keys, and how many rows each holds. */
import type { Driver } from 'batchflow-otel'
import { mysqlExecutor } from 'batchflow-otel/mysql'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { hash, redisExecutor, stream } from 'batchflow-otel/redis'
import { sqliteExecutor } from 'batchflow-otel/sqlite'
import { Redis } from 'ioredis'
import Database from 'libsql'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { servers } from '../../support/servers/servers.ts'

export interface Store {
  readonly driver: Driver
  /** Whether a negative amount is refused. */
  readonly constrained: boolean
  readonly grows: string
  readonly keyed: string
  /** Rows of a table as the database counts them. */
  count(table: string): Promise<number>
  close(): Promise<void>
}

/** Where the servers are that the stores of a load need. */
export type Where = Readonly<Record<'postgres' | 'mysql' | 'redis', string | undefined>>

export async function reachable(): Promise<Where> {
  const [postgres, mysql, redis] = await Promise.all([servers.postgres(), servers.mysql(), servers.redis()])
  return { postgres: postgres?.url, mysql: mysql?.url, redis: redis?.url }
}

/** @param name of the schema, database or key prefix; dropped by `close` */
export function openStores({ postgres, mysql, redis }: Where, name: string): Promise<Store[]> {
  return Promise.all([
    sqliteStore([]),
    ...(postgres === undefined ? [] : [postgresStore(postgres, name)]),
    ...(mysql === undefined ? [] : [mysqlStore(mysql, name)]),
    ...(redis === undefined ? [] : [redisStore(redis, name)]),
  ])
}

/** @param more tables like the growing one */
export async function sqliteStore(more: readonly string[]): Promise<Store> {
  const database = new Database(':memory:')
  for (const table of ['s_events', ...more])
    database.exec(`CREATE TABLE ${table} (id integer, customer integer, amount integer CHECK (amount >= 0))`)
  database.exec('CREATE TABLE s_latest (customer integer PRIMARY KEY, id integer, amount integer)')
  return {
    driver: sqliteExecutor(database).driver,
    constrained: true,
    grows: 's_events',
    keyed: 's_latest',
    count: async (table) => (database.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n,
    close: async () => void database.close(),
  }
}

async function postgresStore(url: string, schema: string): Promise<Store> {
  const pool = new pg.Pool({ connectionString: url, max: 3, options: `-c search_path=${schema}` })
  pool.on('error', () => {}) // an idle connection that breaks is replaced by the pool
  await pool.query(`
    CREATE SCHEMA ${schema};
    CREATE UNLOGGED TABLE ${schema}.p_orders (id bigint, customer int, amount int CHECK (amount >= 0));
    CREATE UNLOGGED TABLE ${schema}.p_latest (customer int PRIMARY KEY, id bigint, amount int);`)
  return {
    driver: postgresExecutor(pool).driver,
    constrained: true,
    grows: 'p_orders',
    keyed: 'p_latest',
    count: async (table) => Number((await pool.query(`SELECT count(*) AS n FROM ${table}`)).rows[0].n),
    async close() {
      await pool.query(`DROP SCHEMA ${schema} CASCADE`)
      await pool.end()
    },
  }
}

async function mysqlStore(url: string, name: string): Promise<Store> {
  const admin = createPool({ uri: url, connectionLimit: 1 })
  await admin.query('CREATE DATABASE ??', [name])
  const at = new URL(url)
  at.pathname = name
  const pool = createPool({ uri: at.href, connectionLimit: 3 })
  await pool.query('CREATE TABLE m_invoices (id bigint, customer int, amount int, CHECK (amount >= 0))')
  await pool.query('CREATE TABLE m_latest (customer int PRIMARY KEY, id bigint, amount int)')
  return {
    driver: mysqlExecutor(pool).driver,
    constrained: true,
    grows: 'm_invoices',
    keyed: 'm_latest',
    async count(table) {
      const [rows] = await pool.query('SELECT count(*) AS n FROM ??', [table])
      return Number((rows as { n: number }[])[0]?.n)
    },
    async close() {
      await pool.end()
      await admin.query('DROP DATABASE ??', [name])
      await admin.end()
    },
  }
}

async function redisStore(url: string, name: string): Promise<Store> {
  const client = new Redis(url)
  const clicks = `${name}:clicks`
  const pattern = `${name}:session:*`
  return {
    driver: redisExecutor(client, {
      commands: {
        r_clicks: stream({ key: () => clicks }),
        r_sessions: hash({ key: ({ customer }) => `${name}:session:${customer}` }),
      },
    }).driver,
    constrained: false,
    grows: 'r_clicks',
    keyed: 'r_sessions',
    count: async (table) => (table === 'r_clicks' ? client.xlen(clicks) : (await client.keys(pattern)).length),
    async close() {
      await client.del(clicks, ...(await client.keys(pattern)))
      await client.quit()
    },
  }
}
