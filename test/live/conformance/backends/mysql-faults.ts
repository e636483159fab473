import { randomBytes } from 'node:crypto'
import { statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool, type PoolOptions, type RowDataPacket } from 'mysql2/promise'
import type { KnownReason } from '../../../../src/contract/reasons.ts'
import { mysqlExecutor } from '../../../../src/drivers/mysql/index.ts'
import { servers } from '../../../support/servers/servers.ts'
import type { Backend, Database, Fault, Provoked } from '../backend.ts'
import { range, tableOf, writeWell } from '../harness.ts'
import type { MysqlDatabase } from './mysql.ts'

const COLUMNS = { columns: { id: 'integer', name: 'text' }, key: ['id'] } as const
const ROWS = [{ id: 1 }, { id: 2 }]
const nothing = async (): Promise<void> => undefined

/** The entries of this table get the adapter they belong to. */
function fault(reason: KnownReason, provoke: (database: MysqlDatabase) => Promise<Provoked>): Fault {
  return { reason, provoke: (database: Database) => provoke(database as MysqlDatabase) }
}

/** Plain inserts over a pool with these options, where each connection starts with these statements. */
async function connected(database: MysqlDatabase, options: PoolOptions, first?: string): Promise<Provoked> {
  const made = await database.create(COLUMNS)
  const pool = database.connect(options)
  if (first !== undefined) pool.pool.on('connection', (connection) => void connection.query(first))
  return { executor: mysqlExecutor(pool), table: tableOf(made), rows: ROWS, end: () => pool.end() }
}

async function waitingForLock(database: MysqlDatabase): Promise<Provoked> {
  const made = await database.create(COLUMNS)
  const { executor, end } = await connected(database, {}, 'SET SESSION lock_wait_timeout = 1')
  const hold = await database.hold(made)
  return { executor, table: tableOf(made), rows: ROWS, end: () => hold.release().then(end) }
}

/** Somebody ends our statements as they come. */
async function interrupted(database: MysqlDatabase): Promise<Provoked> {
  const made = await database.create(COLUMNS)
  const hold = await database.hold(made)
  let ended = false
  const killing = (async () => {
    for (; !ended; await sleep(5)) {
      for (const id of await database.statements()) await database.sql(`KILL QUERY ${id}`).catch(nothing)
    }
  })()
  const end = async () => {
    ended = true
    await killing
    await hold.release()
  }
  return { executor: database.executor, table: tableOf(made), rows: ROWS, end }
}

/** The server answers with this error because a trigger says so: the condition itself cannot be had at will. */
function raised(signal: string) {
  return async (database: MysqlDatabase): Promise<Provoked> => {
    const made = await database.create(COLUMNS)
    const [schema, table] = made.name.replaceAll('"', '').split('.')
    const text = `CREATE TRIGGER ${schema}.on_${table} BEFORE INSERT ON ${schema}.${table} FOR EACH ROW SIGNAL ${signal}`
    await database.sql(text)
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end: nothing }
  }
}

/** Half of a table's index is lost, on a server for this alone. */
async function damaged(): Promise<Provoked> {
  const server = await servers.privateMysql()
  if (server === undefined) throw new Error('this needs a server whose files may be damaged')
  const pool = createPool(server.url)
  await pool.query('CREATE TABLE damaged (id integer PRIMARY KEY, name text) ENGINE = MyISAM')
  await pool.query('INSERT INTO damaged VALUES (0, NULL)')
  await pool.query('FLUSH TABLES damaged')
  const [rows] = await pool.query<RowDataPacket[]>('SELECT @@datadir AS data, DATABASE() AS name')
  const { data, name } = rows[0]!
  const index = join(data, name, 'damaged.MYI')
  truncateSync(index, statSync(index).size / 2)
  const end = async () => {
    await pool.end()
    await server.remove()
  }
  const table = tableOf({
    name: `${name}.damaged`,
    columns: ['id', 'name'],
    rows: async () => [],
    count: async () => 0,
  })
  return { executor: mysqlExecutor(pool), table, rows: ROWS, end }
}

/** The server ends the transaction that has done less: ours. */
async function deadlock(database: MysqlDatabase): Promise<Provoked> {
  const made = await database.create(COLUMNS)
  const table = tableOf(made, { action: 'update', keys: ['id'] })
  await writeWell(
    database.executor,
    table,
    range(100).map((id) => ({ id, name: 'x' })),
  )
  const name = made.name.replaceAll('"', '`')
  const other = await database.pool.getConnection()
  await other.query('START TRANSACTION')
  await other.query(`UPDATE ${name} SET name = 'other' WHERE id >= 2`)
  const crossing = (async () => {
    while ((await database.statements()).length === 0);
    await sleep(50) // from sent to waiting there is nothing to be seen
    await other.query(`UPDATE ${name} SET name = 'other' WHERE id = 1`)
    await other.query('COMMIT')
    other.release()
  })()
  const rows = [
    { id: 1, name: 'y' },
    { id: 2, name: 'y' },
  ]
  return { executor: database.executor, table, rows, passes: true, end: () => crossing }
}

/** A user of its own, who may do nothing but what is granted; `connect` tells with which password. */
async function stranger(database: MysqlDatabase, password: string): Promise<Provoked> {
  const user = `c_${randomBytes(6).toString('hex')}`
  const provoked = await connected(database, { user, password })
  await database.sql(`CREATE USER ${user}@'%' IDENTIFIED BY 'right'`)
  await database.sql(`GRANT SELECT ON ${database.schema}.* TO ${user}@'%'`)
  const end = async () => {
    await provoked.end()
    await database.sql(`DROP USER ${user}@'%'`)
  }
  return { ...provoked, end }
}

/** A table in memory has an end. */
async function full(database: MysqlDatabase): Promise<Provoked> {
  const made = await database.create({ columns: { id: 'integer', name: 'char(200)' } })
  const name = made.name.replaceAll('"', '`')
  const connection = await database.pool.getConnection()
  await connection.query('SET SESSION max_heap_table_size = 16384')
  await connection.query(`ALTER TABLE ${name} ENGINE = MEMORY`)
  await connection.query('SET SESSION max_heap_table_size = DEFAULT')
  connection.release()
  const rows = range(1000).map((id) => ({ id, name: 'x' }))
  return { executor: database.executor, table: tableOf(made), rows, end: nothing }
}

export const mysqlFaults: Backend['faults'] = {
  'a key that is there': fault('duplicate_key', async (database) => {
    const made = await database.create(COLUMNS)
    await writeWell(database.executor, tableOf(made), ROWS)
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end: nothing }
  }),
  'a missing parent': fault('constraint', async (database) => {
    const parent = await database.create(COLUMNS)
    const reference = `FOREIGN KEY (id) REFERENCES ${parent.name.replaceAll('"', '`')} (id)`
    const made = await database.create({ columns: { id: 'integer' } })
    await database.sql(`ALTER TABLE ${made.name.replaceAll('"', '`')} ADD ${reference}`)
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end: nothing }
  }),
  'a column that must not be NULL': fault('constraint', async (database) => {
    const made = await database.create(COLUMNS)
    return { executor: database.executor, table: tableOf(made), rows: [{ id: null }], end: nothing }
  }),
  'a trigger that objects': fault('constraint', raised("SQLSTATE '45000' SET MESSAGE_TEXT = 'no'")),
  'a word where a number belongs': fault('invalid_data', async (database) => {
    const made = await database.create(COLUMNS)
    return { executor: database.executor, table: tableOf(made), rows: [{ id: 'x' }], end: nothing }
  }),
  'a session that is not strict': fault('invalid_data', async (database) => ({
    ...(await connected(database, {}, "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'")),
    rows: [{ id: 'x' }],
  })),
  'two that wait for each other': fault('deadlock', deadlock),
  'a lock that takes too long': fault('lock_timeout', waitingForLock),
  'a statement that is interrupted': fault('timeout', interrupted),
  'a server that is down': fault('connection', (database) =>
    connected(database, { uri: 'mysql://root@127.0.0.1:1/x' }),
  ),
  'a tablespace that is gone': fault('io', async (database) => {
    const made = await database.create(COLUMNS)
    await database.sql(`ALTER TABLE ${made.name.replaceAll('"', '`')} DISCARD TABLESPACE`)
    return { executor: database.executor, table: tableOf(made), rows: ROWS, end: nothing }
  }),
  'an index that is damaged': fault('io', damaged),
  'a table that is full': fault('out_of_space', full),
  'a table that is not there': fault('schema', async (database) => ({
    executor: database.executor,
    table: tableOf({ name: `${database.schema}.nowhere`, columns: ['id'], rows: async () => [], count: async () => 0 }),
    rows: ROWS,
    end: nothing,
  })),
  'a right that is missing': fault('permission', (database) => stranger(database, 'right')),
  'a wrong password': fault('permission', (database) => stranger(database, 'wrong')),
  'a session that may only read': fault('read_only', (database) =>
    connected(database, {}, 'SET SESSION TRANSACTION READ ONLY'),
  ),
  'a pool that is ended': fault('non_retryable', async (database) => {
    const provoked = await connected(database, {})
    await provoked.end()
    return { ...provoked, end: nothing }
  }),
  'a state nobody knows': fault('unknown', raised("SQLSTATE 'ZZ001' SET MYSQL_ERRNO = 5000")),
}
