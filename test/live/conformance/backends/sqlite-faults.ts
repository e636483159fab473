import { mkdirSync, mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KnownReason } from '../../../../src/contract/reasons.ts'
import { sqliteExecutor } from '../../../../src/drivers/sqlite/index.ts'
import type { Backend, Database, Fault, Provoked } from '../backend.ts'
import { range, tableOf, writeWell } from '../harness.ts'
import type { SqliteDatabase } from './sqlite.ts'

const COLUMNS = { columns: { id: 'integer', name: 'text' }, key: ['id'] } as const
const ROWS = [{ id: 1 }, { id: 2 }]
const nothing = async (): Promise<void> => undefined

/** The entries of this table get the adapter they belong to. */
function fault(reason: KnownReason, provoke: (database: SqliteDatabase) => Promise<Provoked>): Fault {
  return { reason, provoke: (database: Database) => provoke(database as SqliteDatabase) }
}

/** Plain inserts while these statements have been carried out before, and those are afterwards. */
function between(before: string, after: string) {
  return async (database: SqliteDatabase): Promise<Provoked> => {
    const made = await database.create(COLUMNS)
    database.connection.exec(before)
    const end = async () => void database.connection.exec(after)
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end }
  }
}

async function inserting(database: SqliteDatabase, columns: string, rows: Provoked['rows']): Promise<Provoked> {
  const made = await database.create({ columns: { id: columns } })
  return { executor: database.executor, table: tableOf(made), rows, end: nothing }
}

/** The pages the file has, and no more. */
async function full(database: SqliteDatabase): Promise<Provoked> {
  const made = await database.create(COLUMNS)
  database.connection.exec('PRAGMA max_page_count = 1')
  const end = async () => void database.connection.exec('PRAGMA max_page_count = 1073741823')
  const rows = range(10, 1).map((id) => ({ id, name: 'x'.repeat(100_000) }))
  return { executor: database.executor, table: tableOf(made), rows, end }
}

const ANYWHERE: Backend['faults'] = {
  'a key that is there': fault('duplicate_key', async (database) => {
    const made = await database.create(COLUMNS)
    await writeWell(database.executor, tableOf(made), ROWS)
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end: nothing }
  }),
  'a missing parent': fault('constraint', async (database) => {
    const parent = await database.create(COLUMNS)
    return inserting(database, `integer REFERENCES ${parent.name} (id)`, ROWS)
  }),
  'a missing parent that is looked for at COMMIT': fault('constraint', async (database) => {
    const parent = await database.create(COLUMNS)
    return inserting(database, `integer REFERENCES ${parent.name} (id) DEFERRABLE INITIALLY DEFERRED`, ROWS)
  }),
  'a trigger that rolls everything back': fault('constraint', async (database) => {
    const made = await database.create(COLUMNS)
    const body = `BEGIN SELECT RAISE(ROLLBACK, 'no'); END`
    database.connection.exec(`CREATE TRIGGER on_${made.name.slice(1, -1)} BEFORE INSERT ON ${made.name} ${body}`)
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end: nothing }
  }),
  'a word where a row number belongs': fault('invalid_data', (database) =>
    inserting(database, 'integer PRIMARY KEY', [{ id: 'x' }]),
  ),
  'somebody in the middle of a transaction': fault('lock_timeout', between('BEGIN', 'ROLLBACK')),
  'a table that is not there': fault('schema', async (database) => ({
    executor: database.executor,
    table: tableOf({ name: 'nowhere', columns: ['id'], rows: async () => [], count: async () => 0 }),
    rows: ROWS,
    end: nothing,
  })),
  'a connection that may only read': fault('read_only', between('PRAGMA query_only = 1', 'PRAGMA query_only = 0')),
  'a database that is full': fault('out_of_space', full),
  'a database that is closed': fault('non_retryable', async (database) => {
    const made = await database.create(COLUMNS)
    const closed = database.another()
    const executor = sqliteExecutor(closed)
    closed.close()
    return { executor, table: tableOf(made), rows: ROWS, end: nothing }
  }),
}

/** A database in a file of its own, with a table `t`, to which `harm` then happens. */
function harmed(harm: (path: string) => void) {
  return async (database: SqliteDatabase): Promise<Provoked> => {
    const folder = mkdtempSync(join(tmpdir(), 'batchflow-sqlite-'))
    const path = join(folder, 'database')
    const connection = database.connect(path)
    connection.exec('CREATE TABLE t (id)')
    harm(path)
    const end = async () => {
      connection.close()
      rmSync(folder, { recursive: true, force: true })
    }
    return { executor: sqliteExecutor(connection), table: T, rows: ROWS, end }
  }
}

const T = tableOf({ name: 't', columns: ['id'], rows: async () => [], count: async () => 0 })

const IN_A_FILE: Backend['faults'] = {
  'a file that was removed': fault(
    'read_only',
    harmed((path) => rmSync(path)),
  ),
  'a file that is cut off': fault(
    'non_retryable',
    harmed((path) => truncateSync(path, 4096)),
  ),
  'a journal that cannot be opened': fault(
    'io',
    harmed((path) => mkdirSync(`${path}-journal`)),
  ),
  'a database that another connection writes to': fault('lock_timeout', async (database) => {
    const made = await database.create(COLUMNS)
    const other = database.another()
    other.exec('BEGIN IMMEDIATE')
    const end = async () => void other.close()
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end }
  }),
}

const WITH_LIBSQL: Backend['faults'] = {
  'a table that an authorizer denies': fault('permission', async (database) => {
    const connection = database.connect(':memory:')
    connection.exec('CREATE TABLE t (id)')
    const authorizer = Reflect.get(connection, 'authorizer') as (rules: object) => void
    authorizer.call(connection, { t: 1 }) // Authorization.DENY
    const end = async () => void connection.close()
    return { executor: sqliteExecutor(connection), table: T, rows: ROWS, end }
  }),
}

export function sqliteFaults(client: string, place: 'file' | 'memory'): Backend['faults'] {
  const others = place === 'file' ? IN_A_FILE : {}
  return { ...ANYWHERE, ...others, ...(client === 'libsql' ? WITH_LIBSQL : {}) }
}
