import { sqliteExecutor } from 'batchflow-otel/sqlite'
import Database from 'libsql'
import type { Hold, Store, StoreOptions } from './store.ts'
import { readContents, totalsSql } from './totals-sql.ts'

/** In the header of files the demo has made; the bytes spell `BFlw`. */
const APPLICATION_ID = 0x42466c77

/** @throws when the file holds tables that are not the demo's own */
export async function openSqlite({ url }: StoreOptions): Promise<Store> {
  const file = fileOf(url)
  const database = new Database(file, { timeout: 0 }) // a wait for a lock would stop the whole process
  try {
    createTables(database, file)
    const { version } = first(database, 'SELECT sqlite_version() AS version')
    const inMemory = file === ':memory:'
    return {
      label: `SQLite ${version}, ${inMemory ? 'in memory' : file}`,
      executor: sqliteExecutor(database),
      trouble: { refusal: 'a CHECK constraint', ...(!inMemory && { hold: lockOn(file) }) },
      contents: () => readContents(TOTALS, (sql) => first(database, sql)),
      close: async () => void database.close(),
    }
  } catch (error) {
    database.close()
    throw error
  }
}

/** `sqlite:file.db`, `sqlite:///folder/file.db`, `sqlite::memory:` */
function fileOf(url: string): string {
  return url.replace(/^sqlite:(\/\/)?/, '')
}

function createTables(database: Database.Database, file: string): void {
  const { application_id } = first(database, 'PRAGMA application_id')
  const { tables } = first(database, 'SELECT count(*) AS tables FROM sqlite_schema')
  if (application_id !== APPLICATION_ID && tables !== 0) {
    throw new Error(`${file} holds tables that are not the demo's; name a file that does not exist yet`)
  }
  database.exec(`
    PRAGMA application_id = ${APPLICATION_ID};
    DROP TABLE IF EXISTS flights;
    DROP TABLE IF EXISTS daily_delays;
    DROP TABLE IF EXISTS rehearsal;
    CREATE TABLE flights (
      date text NOT NULL, delay integer NOT NULL, distance integer NOT NULL,
      origin text NOT NULL, destination text NOT NULL
    );
    CREATE TABLE daily_delays (
      origin text, day text, flights integer NOT NULL, delay integer NOT NULL, distance integer NOT NULL,
      PRIMARY KEY (origin, day)
    ) WITHOUT ROWID;
    CREATE TABLE rehearsal (id integer PRIMARY KEY, amount integer NOT NULL CHECK (amount >= 0));`)
}

function first(database: Database.Database, sql: string): Record<string, unknown> {
  return database.prepare(sql).get() as Record<string, unknown>
}

const TOTALS = totalsSql({
  minute: (column) => `unixepoch(${column}) / 60`,
  day: (column) => `unixepoch(${column}) / 86400`,
  airport: (column) =>
    `(${[1, 2, 3].map((i) => `(unicode(substr(${column}, ${i}, 1)) << ${24 - 8 * i})`).join(' | ')})`,
  wide: (expression) => `(${expression})`,
})

function lockOn(file: string): Hold {
  return {
    consequence: 'an attempt that met a lock',
    async during(work) {
      const other = new Database(file)
      try {
        other.exec('BEGIN IMMEDIATE')
        return await work()
      } finally {
        other.close()
      }
    },
  }
}
