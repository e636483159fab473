import pg from 'pg'
import { bootPostgres } from './embedded-postgres.ts'

export interface Postgres {
  readonly pool: pg.Pool
  /** Ends the pool and, if the server is ours, the server. */
  close(): Promise<void>
}

/** The server of `DATABASE_URL`, or one that is booted for as long as the example runs; `schema` makes the tables. */
export async function openPostgres(schema: string): Promise<Postgres> {
  const server = process.env['DATABASE_URL'] ? undefined : await bootPostgres()
  const pool = new pg.Pool({ connectionString: server?.url ?? process.env['DATABASE_URL'] })
  pool.on('error', () => {}) // an idle connection that breaks is replaced by the pool; work that fails says so itself
  const close = async () => {
    await pool.end()
    await server?.remove()
  }
  try {
    await pool.query(schema)
  } catch (error) {
    await close()
    throw error
  }
  return { pool, close }
}
