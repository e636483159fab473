import { randomBytes } from 'node:crypto'
import type { Connection } from './connection.ts'
import { SpoolError, spoolErrorOf } from './spool-error.ts'

/** `BFSP`: what `file` and the sqlite3 shell show of a spool, and how it is told from another database. */
const APPLICATION = 0x42465350
/** Of the tables. A later one is refused. */
const FORMAT = 1
/**
 * Positions are given out from blocks of this many; a block is on the disk before its first position is used. So no position
 * is given twice, whatever a power cut takes back, and however often everything was deleted.
 */
const BLOCK = 2 ** 16

export const DEAD_LETTERS = 'batchflow_spool_dead_letters'

export function tableOf(partition: number): string {
  return `batchflow_spool_${partition}`
}

/** What is found out when a spool is opened. */
export interface SpoolFile {
  /** Absolute path. */
  readonly path: string
  /** Made at random with the file, so that no two spools share a position in a database. */
  readonly id: string
  readonly partitions: number
  /** No position of this opening is less, and none of an earlier one is as large. */
  readonly begin: number
  /** The last one of the block that was reserved for it. */
  readonly reserved: number
}

/**
 * Takes hold of the file for this connection alone: its lock is the operating system's, and gone with the process, however
 * that ends. Makes the tables where they are missing.
 *
 * @throws {SpoolError}
 */
export function openFile(connection: Connection, partitions: number): SpoolFile {
  try {
    const path = pathOf(connection)
    refuseForeign(connection)
    return { path, partitions, ...take(connection, partitions) }
  } catch (error) {
    throw spoolErrorOf('it cannot be opened', error)
  }
}

function take(connection: Connection, partitions: number): Pick<SpoolFile, 'id' | 'begin' | 'reserved'> {
  try {
    settings(connection)
    const taken = connection.transaction(() => prepare(connection, partitions))
    // What is written from now on the store syncs, before anybody is told that it is there; see SpoolStore.sync.
    connection.exec('PRAGMA synchronous = NORMAL')
    return taken
  } catch (error) {
    release(connection)
    throw error
  }
}

function release(connection: Connection): void {
  try {
    closeFile(connection)
  } catch {} // somebody else's it is then, or beyond help
}

/** Gives the file back; its log is written into it before. */
export function closeFile(connection: Connection): void {
  connection.forget()
  connection.exec('PRAGMA journal_mode = DELETE')
  connection.exec('PRAGMA locking_mode = NORMAL')
  connection.pragma('user_version') // the lock goes with the next access
}

/** @returns the last position of a new block, which begins after `last` */
export function reserve(connection: Connection, last: number): number {
  connection.exec('PRAGMA synchronous = FULL')
  try {
    return connection.transaction(() => reserveBlock(connection, last))
  } finally {
    connection.exec('PRAGMA synchronous = NORMAL')
  }
}

function pathOf(connection: Connection): string {
  const databases = connection.all<{ readonly name: string; readonly file: string | null }>('PRAGMA database_list')
  const path = databases.find(({ name }) => name === 'main')?.file
  if (path) return path
  throw new SpoolError('foreign', 'spool: the database is in memory: a spool needs a file')
}

function refuseForeign(connection: Connection): void {
  connection.exec('PRAGMA busy_timeout = 0') // the event loop would wait with it
  // Not prepared: where the file is locked, libsql would keep the statement open, and the connection in a transaction.
  connection.exec('SELECT count(*) FROM sqlite_schema')
  const application = connection.pragma<number>('application_id')
  const strangers = connection.value<number>(`SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'batchflow_spool%'
    AND name NOT LIKE 'sqlite_%'`)
  if (application === APPLICATION || (application === 0 && strangers === 0)) return
  throw new SpoolError('foreign', "spool: the file is another application's database: give the spool a file of its own")
}

/** All of these are of the connection, but for the journal's mode; and that is taken back when it is closed. */
function settings(connection: Connection): void {
  connection.exec('PRAGMA locking_mode = EXCLUSIVE')
  connection.exec('PRAGMA synchronous = FULL')
  const mode = connection.pragma<string>('journal_mode = WAL')
  if (mode !== 'wal')
    throw new SpoolError('io', `spool: the file cannot have a write-ahead log, SQLite keeps to ${mode}`)
  connection.exec('PRAGMA wal_autocheckpoint = 1000')
  connection.exec(`PRAGMA journal_size_limit = ${16 * 1024 * 1024}`)
}

function prepare(connection: Connection, partitions: number): Pick<SpoolFile, 'id' | 'begin' | 'reserved'> {
  connection.exec(`PRAGMA application_id = ${APPLICATION}`)
  connection.exec('CREATE TABLE IF NOT EXISTS batchflow_spool (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID')
  const format = knownOr(connection, 'format', FORMAT)
  if (format > FORMAT) {
    throw new SpoolError('foreign', `spool: the file is of format ${format}, this version knows ${FORMAT}: update it`)
  }
  const id = knownOr(connection, 'id', randomBytes(6).toString('hex'))
  repartition(connection, partitions)
  for (let partition = 0; partition < partitions; partition++) createPartition(connection, partition)
  connection.exec(`CREATE TABLE IF NOT EXISTS ${DEAD_LETTERS} (number INTEGER PRIMARY KEY AUTOINCREMENT,
    partition INTEGER NOT NULL, position TEXT NOT NULL, at INTEGER, put_aside_at INTEGER NOT NULL, reason TEXT NOT NULL,
    table_name TEXT, code TEXT, message TEXT NOT NULL, headers TEXT NOT NULL, body NOT NULL)`)
  const last = knownOr(connection, 'reserved', 0)
  return { id, begin: last + 1, reserved: reserveBlock(connection, last) }
}

function createPartition(connection: Connection, partition: number): void {
  connection.exec(`CREATE TABLE IF NOT EXISTS ${tableOf(partition)} (position INTEGER PRIMARY KEY, at INTEGER NOT NULL,
    table_name TEXT, trace TEXT, body NOT NULL)`)
}

/** Rows of one key would be in two partitions, and could overtake each other. */
function repartition(connection: Connection, partitions: number): void {
  const before = knownOr(connection, 'partitions', partitions)
  if (before === partitions) return
  for (let partition = 0; partition < before; partition++) {
    if (connection.value(`SELECT 1 FROM ${tableOf(partition)} LIMIT 1`) !== undefined) {
      const advice = `open it with { partitions: ${before} } until it is empty`
      throw new SpoolError(
        'partitions',
        `spool: it holds rows in ${before} partitions, not in ${partitions}: ${advice}`,
      )
    }
  }
  note(connection, 'partitions', partitions)
}

function reserveBlock(connection: Connection, last: number): number {
  note(connection, 'reserved', last + BLOCK)
  return last + BLOCK
}

function knownOr<V extends string | number>(connection: Connection, name: string, fallback: V): V {
  const known = connection.value<V>('SELECT value FROM batchflow_spool WHERE name = ?', name)
  if (known !== undefined) return known
  note(connection, name, fallback)
  return fallback
}

function note(connection: Connection, name: string, value: string | number): void {
  connection.run('INSERT OR REPLACE INTO batchflow_spool VALUES (?, ?)', name, value)
}
