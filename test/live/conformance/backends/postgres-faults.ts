import { rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import type { KnownReason } from '../../../../src/contract/reasons.ts'
import { postgresExecutor } from '../../../../src/drivers/postgres/index.ts'
import { servers } from '../../../support/servers/servers.ts'
import type { Backend, Database, Fault, Provoked, TestTable } from '../backend.ts'
import { tableOf, writeWell } from '../harness.ts'
import type { PostgresDatabase } from './postgres.ts'

const COLUMNS = { columns: { id: 'integer', name: 'text' }, key: ['id'] } as const
const ROWS = [{ id: 1 }, { id: 2 }]

/** The entries of this table get the adapter they belong to. */
function fault(reason: KnownReason, provoke: (database: PostgresDatabase) => Promise<Provoked>): Fault {
  return { reason, provoke: (database: Database) => provoke(database as PostgresDatabase) }
}

/** Plain inserts over a pool with these settings. */
async function connected(database: PostgresDatabase, config: pg.PoolConfig): Promise<Provoked> {
  const made = await database.create(COLUMNS)
  const pool = database.connect(config)
  return { executor: postgresExecutor(pool), table: tableOf(made), rows: ROWS, end: () => pool.end() }
}

async function held(database: PostgresDatabase, options: string): Promise<Provoked> {
  const made = await database.create(COLUMNS)
  const pool = database.connect({ options })
  const hold = await database.hold(made)
  const end = async () => {
    await hold.release()
    await pool.end()
  }
  return { executor: postgresExecutor(pool), table: tableOf(made), rows: ROWS, end }
}

/** The server answers with this SQLSTATE because a trigger says so: the condition itself cannot be had at will. */
function raised(state: string) {
  return async (database: PostgresDatabase): Promise<Provoked> => {
    const made = await withTrigger(database, `RAISE 'on purpose' USING ERRCODE = '${state}'`)
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end: async () => undefined }
  }
}

/** A table whose every INSERT first carries out a statement. */
async function withTrigger(database: PostgresDatabase, statement: string): Promise<TestTable> {
  const made = await database.create(COLUMNS)
  const name = made.name.replace(/"t(\d+)"$/, 'fires_$1')
  const body = `BEGIN ${statement}; RETURN NULL; END`
  await database.sql(`CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ ${body} $$`)
  await database.sql(`CREATE TRIGGER fires BEFORE INSERT ON ${made.name} EXECUTE FUNCTION ${name}()`)
  return made
}

async function deadlock(database: PostgresDatabase): Promise<Provoked> {
  const made = await database.create(COLUMNS)
  await writeWell(database.executor, tableOf(made), ROWS)
  const pool = database.connect({ options: '-c deadlock_timeout=10' })
  const other = new pg.Client({ connectionString: database.url, options: '-c deadlock_timeout=10s' })
  await other.connect()
  await other.query(`BEGIN; UPDATE ${made.name} SET name = 'other' WHERE id = 2`)
  const waits = `SELECT 1 FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() AND locktype = 'transactionid'`
  const crossing = (async () => {
    while ((await other.query(waits)).rows.length === 0);
    await other.query(`UPDATE ${made.name} SET name = 'other' WHERE id = 1; COMMIT`)
  })()
  const end = async () => {
    await crossing
    await other.end()
    await pool.end()
  }
  const table = tableOf(made, { action: 'update', keys: ['id'] })
  return {
    executor: postgresExecutor(pool),
    table,
    rows: [
      { id: 1, name: 'x' },
      { id: 2, name: 'x' },
    ],
    passes: true,
    end,
  }
}

async function wrongPassword(): Promise<Provoked> {
  const server = await servers.embeddedPostgres()
  if (server === undefined) throw new Error('this needs a server that asks for a password')
  const url = new URL(server.url)
  url.password = 'wrong'
  const pool = new pg.Pool({ connectionString: url.href })
  const end = async () => {
    await pool.end()
    await server.remove()
  }
  const table = tableOf({ name: 't', columns: ['id'], rows: async () => [], count: async () => 0 })
  return { executor: postgresExecutor(pool), table, rows: ROWS, end }
}

/** A table's file is gone, on a server for this alone. */
async function lost(): Promise<Provoked> {
  const server = await servers.embeddedPostgres()
  if (server === undefined) throw new Error('this needs a server whose files may be lost')
  const pool = new pg.Pool({ connectionString: server.url, max: 1 })
  await pool.query('CREATE TABLE lost (id integer, name text); INSERT INTO lost VALUES (0); CHECKPOINT')
  const { rows } = await pool.query("SELECT current_setting('data_directory') data, pg_relation_filepath('lost') path")
  rmSync(join(rows[0].data, rows[0].path))
  await pool.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => {}) // it has the file open
  const end = async () => {
    await pool.end()
    await server.remove()
  }
  const table = tableOf({ name: 'lost', columns: ['id', 'name'], rows: async () => [], count: async () => 0 })
  return { executor: postgresExecutor(pool), table, rows: ROWS, end }
}

/** A session that may write no more temporary files has more to sort than fits into its memory. */
async function full(database: PostgresDatabase): Promise<Provoked> {
  const made = await withTrigger(database, 'PERFORM n FROM generate_series(1, 20000) AS n ORDER BY n DESC')
  const pool = database.connect({ options: '-c work_mem=64kB -c temp_file_limit=0' })
  const table = tableOf(made, { action: 'update', keys: ['id'] })
  return { executor: postgresExecutor(pool), table, rows: ROWS, end: () => pool.end() }
}

export const postgresFaults: Backend['faults'] = {
  'a key that is there': fault('duplicate_key', async (database) => {
    const made = await database.create(COLUMNS)
    await writeWell(database.executor, tableOf(made), ROWS)
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end: async () => undefined }
  }),
  'a missing parent': fault('constraint', async (database) => {
    const parent = await database.create(COLUMNS)
    const made = await database.create({ columns: { id: `integer REFERENCES ${parent.name}` } })
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end: async () => undefined }
  }),
  'a word where a number belongs': fault('invalid_data', async (database) => {
    const made = await database.create(COLUMNS)
    return { executor: database.executor, table: tableOf(made), rows: [{ id: 'x' }], end: async () => undefined }
  }),
  'two that wait for each other': fault('deadlock', deadlock),
  'a lock that takes too long': fault('lock_timeout', (database) => held(database, '-c lock_timeout=10')),
  'a statement that takes too long': fault('timeout', (database) => held(database, '-c statement_timeout=50')),
  'a server that is down': fault('connection', (database) => connected(database, { ...DOWN })),
  'a server that crashes': fault('connection', raised('57P02')),
  'a file that is gone': fault('io', lost),
  'no room for temporary files': fault('out_of_space', full),
  'a table that is not there': fault('schema', async (database) => ({
    executor: database.executor,
    table: tableOf({ name: 'conformance_nowhere.t', columns: ['id'], rows: async () => [], count: async () => 0 }),
    rows: ROWS,
    end: async () => undefined,
  })),
  'a right that is missing': fault('permission', (database) => connected(database, { options: '-c role=pg_monitor' })),
  'a wrong password': fault('permission', wrongPassword),
  'a session that may only read': fault('read_only', (database) =>
    connected(database, { options: '-c default_transaction_read_only=on' }),
  ),
  'a view that takes no rows': fault('non_retryable', async (database) => {
    const made = await database.create(COLUMNS)
    const view = made.name.replace(/"t(\d+)"$/, 'view_$1')
    await database.sql(`CREATE VIEW ${view} AS SELECT DISTINCT * FROM ${made.name}`)
    const table = tableOf({ ...made, name: view })
    return { executor: database.executor, table, rows: ROWS, end: async () => undefined }
  }),
  'a state nobody knows': fault('unknown', raised('ZZ001')),
}

/** Port 1 is nobody's. */
const DOWN = { connectionString: 'postgres://postgres@127.0.0.1:1/test' }
