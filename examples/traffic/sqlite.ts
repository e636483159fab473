import { sqliteExecutor } from 'batchflow-otel/sqlite'
import Database from 'libsql'
import { type Backend, latest, orders } from './backend.ts'

/** SQLite's own default. */
const MOST_PAGES = 1_073_741_823

/**
 * Tables that are dropped and made anew. Nothing holds writers up here, this process being the only one; but the database
 * can run out of space.
 */
export async function sqliteBackend(file: string): Promise<Backend> {
  const database = new Database(file)
  database.exec('PRAGMA auto_vacuum = FULL') // no room is left behind in the file by rows that were deleted
  database.exec('DROP TABLE IF EXISTS events; DROP TABLE IF EXISTS devices')
  database.exec('CREATE TABLE events (id integer, customer integer, amount integer CHECK (amount >= 0))')
  database.exec('CREATE TABLE devices (customer integer PRIMARY KEY, id integer, amount integer)')
  return {
    executor: sqliteExecutor(database),
    feeds: [orders('events', 500), latest('devices', 300)],
    shut: (work) => outOfSpace(database, work),
    trim: async () => void database.exec('DELETE FROM events'),
    close: async () => void database.close(),
  }
}

/** The database may not grow meanwhile. */
async function outOfSpace(database: Database.Database, work: () => Promise<void>): Promise<void> {
  database.exec('PRAGMA max_page_count = 1') // which means: as many as there are
  try {
    await work()
  } finally {
    database.exec(`PRAGMA max_page_count = ${MOST_PAGES}`)
  }
}
