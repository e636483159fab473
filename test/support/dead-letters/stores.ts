import Libsql from 'libsql'
import pg from 'pg'
import { defineTable } from '../../../src/contract/table.ts'
import { postgresExecutor } from '../../../src/drivers/postgres/index.ts'
import { sqliteExecutor } from '../../../src/drivers/sqlite/index.ts'
import type { Executor } from '../../../src/executor/executor.ts'

/** A real database as a test of replays needs it, in this process or in one that is killed. */
export interface Store {
  readonly executor: Executor
  run(sql: string): Promise<unknown>
  rows(sql: string): Promise<Record<string, unknown>[]>
  close(): Promise<void>
}

export interface Event {
  id: number
  version: number
}

const columns = ['id', 'version'] as const

/** `prefix` sets the tables of one test apart from those of another. */
export const upserts = (prefix: string) =>
  defineTable<Event>(`${prefix}_upserts`, { columns, onConflict: { action: 'update', keys: ['id'] } })

/** Nothing keeps a row from being there twice. */
export const appends = (prefix: string) => defineTable<Event>(`${prefix}_appends`, { columns })

/** @param place the URL of a PostgreSQL server, or the path of an SQLite file */
export function openStore(place: string): Store {
  return place.startsWith('postgres') ? postgresStore(place) : sqliteStore(place)
}

function postgresStore(connectionString: string): Store {
  const pool = new pg.Pool({ connectionString, max: 4 })
  return {
    executor: postgresExecutor(pool).withConcurrencyLimit(2),
    run: (sql) => pool.query(sql),
    rows: async (sql) => (await pool.query(sql)).rows,
    close: () => pool.end(),
  }
}

function sqliteStore(path: string): Store {
  const database = new Libsql(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000')
  return {
    executor: sqliteExecutor(database),
    run: async (sql) => database.exec(sql),
    rows: async (sql) => database.prepare(sql).all() as Record<string, unknown>[],
    close: async () => void database.close(),
  }
}
