import { sqliteExecutor } from 'batchflow-otel/sqlite'
import Database from 'libsql'
import { type Backend, latest, orders } from './backend.ts'

/**
 * Tables that are dropped and made anew. Nothing holds writers up here, this process being the only one; but the database
 * can be made read-only, as any is after a failover.
 */
export async function sqliteBackend(file: string): Promise<Backend> {
  const database = new Database(file)
  database.exec('DROP TABLE IF EXISTS events; DROP TABLE IF EXISTS devices')
  database.exec('CREATE TABLE events (id integer, customer integer, amount integer CHECK (amount >= 0))')
  database.exec('CREATE TABLE devices (customer integer PRIMARY KEY, id integer, amount integer)')
  return {
    executor: sqliteExecutor(database),
    feeds: [orders('events', 500), latest('devices', 300)],
    shut: (work) => readOnly(database, work),
    trim: async () => void database.exec('DELETE FROM events'),
    close: async () => void database.close(),
  }
}

async function readOnly(database: Database.Database, work: () => Promise<void>): Promise<void> {
  database.exec('PRAGMA query_only = ON')
  try {
    await work()
  } finally {
    database.exec('PRAGMA query_only = OFF')
  }
}
