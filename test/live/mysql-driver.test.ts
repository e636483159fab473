import { setTimeout as sleep } from 'node:timers/promises'
import { createPool as createCallbackPool } from 'mysql2'
import type { Pool, PoolOptions, RowDataPacket } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import type { Table } from '../../src/contract/table.ts'
import { MysqlDriver } from '../../src/drivers/mysql/driver.ts'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import type { MysqlOptions } from '../../src/drivers/mysql/options.ts'
import { thrownBy } from '../support/assertions.ts'
import { servers } from '../support/servers/servers.ts'
import type { AnyRow, TestTable } from './conformance/backend.ts'
import { MysqlDatabase } from './conformance/backends/mysql.ts'
import { range, reasonsOf, tableOf, writeAll, writeWell } from './conformance/harness.ts'

const writing = suite('writing to MySQL')
const server = await servers.mysql()
const never = new AbortController().signal
const COLUMNS = { columns: { id: 'integer', name: 'text' }, key: ['id'] } as const

/** A test with a database, which is there only when the server is. */
function writes(name: string, run: (database: MysqlDatabase) => Promise<void>): void {
  if (server === undefined) return
  writing(name, async () => {
    const database = new MysqlDatabase(server.url)
    try {
      await run(database)
    } finally {
      await database.close()
    }
  })
}

/** Runs `work` with a pool of its own. */
async function over(database: MysqlDatabase, options: PoolOptions, work: (pool: Pool) => Promise<void>): Promise<void> {
  const pool = database.connect(options)
  try {
    await work(pool)
  } finally {
    await pool.end()
  }
}

/** One attempt at one batch. */
async function attempt(driver: MysqlDriver, table: Table, rows: readonly AnyRow[], signal = never): Promise<void> {
  const operation = await driver.plan({ table, columns: table.columns, rows }, { signal })
  await driver.run(operation, { signal })
}

function sqlName({ name }: TestTable): string {
  return name.replaceAll('"', '`')
}

const ids = async (made: TestTable) => (await made.rows()).map(({ id }) => id)

writes('a callback pool serves as well', async (database) => {
  const made = await database.create(COLUMNS)
  const pool = createCallbackPool({ uri: database.url })
  await writeWell(mysqlExecutor(pool), tableOf(made), [{ id: 1 }])
  await pool.promise().end()
  assert.equal(await ids(made), [1])
})

writes('rows that a trigger fails on are found, although the server names rows of the trigger', async (database) => {
  const made = await database.create(COLUMNS)
  const audit = await database.create({ columns: { id: 'integer', name: 'varchar(5)' } })
  const table = sqlName(made)
  const insert = `INSERT INTO ${sqlName(audit)} VALUES (0, 'x'), (new.id, new.name)`
  await database.sql(`CREATE TRIGGER ${database.schema}.audits BEFORE INSERT ON ${table} FOR EACH ROW ${insert}`)
  const bad = [0, 5, 6, 29]
  const rows = range(30).map((id) => ({ id, name: bad.includes(id) ? 'too long' : 'x' }))
  const written = await writeAll(database.executor, tableOf(made), rows)
  assert.equal(reasonsOf(written), Object.fromEntries(bad.map((i) => [i, 'invalid_data'])))
  assert.equal(
    await ids(made),
    range(30).filter((id) => !bad.includes(id)),
  )
})

writes('a row that is bad by itself is named at once', async (database) => {
  const made = await database.create({ ...COLUMNS, check: '"name" <> \'bad\'' })
  const driver = new MysqlDriver(database.pool)
  const bad: Record<string, AnyRow> = {
    'too long': { name: 'x'.repeat(201) },
    'not a number': { id: 'seven' },
    'cannot be encoded': { name: new Date(Number.NaN) },
  }
  for (const [what, fields] of Object.entries(bad)) {
    for (const [count, index] of [
      [1, 0],
      [300, 77], // 256 + 32 + 8 + 4 rows, the first time
      [300, 290],
    ] as const) {
      const rows = range(count).map((id) => (id === index ? { id, ...fields } : { id, name: 'x' }))
      const error = await thrownBy(() => attempt(driver, tableOf(made), rows))
      assert.ok(error instanceof AttemptError)
      assert.equal([error.rowIndex, error.ambiguous], [index, false], what)
      assert.is(driver.classify(error.cause)?.reason, 'invalid_data')
    }
  }
  assert.is(await made.count(), 0)
})

writes('a row larger than a packet fails alone, and before it is sent', async (database) => {
  const made = await database.create({ columns: { id: 'integer', body: 'long' }, key: ['id'] })
  const [facts] = await database.sql('SELECT @@max_allowed_packet AS packet')
  const rows = [{ id: 1 }, { id: 2, body: 'x'.repeat(Number(facts?.['packet'])) }, { id: 3 }]
  assert.equal(reasonsOf(await writeAll(database.executor, tableOf(made), rows)), { 1: 'invalid_data' })
  assert.equal(await ids(made), [1, 3])
})

writes('few statements are prepared, whatever the number of rows', async (database) => {
  const made = await database.create(COLUMNS)
  const table = tableOf(made, { action: 'update', keys: ['id'] })
  await over(database, { connectionLimit: 1 }, async (pool) => {
    const driver = new MysqlDriver(pool)
    const [sizes, again] = [range(100, 1), [90, 90, 90]]
    for (const size of [...sizes, ...again])
      await attempt(
        driver,
        table,
        range(size).map((id) => ({ id, name: 'x' })),
      )
    const [[status]] = await pool.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Com_stmt_prepare'")
    assert.is(Number(status?.['Value']), 7 + 1) // 1 to 64, and 90
  })
  assert.is(await made.count(), 100)
})

writes('values are escaped where nothing is prepared', async (database) => {
  const made = await database.create({
    columns: { id: 'integer', name: 'text', raw: 'bytes', at: 'datetime(3)' },
    key: ['id'],
  })
  const at = new Date('2024-02-29T12:00:00.123Z')
  const rows = ["'", '"', '\\', "\\'; -- ", '?', '`', '😀', ''].map((name, id) => ({
    id,
    name,
    raw: Buffer.from(name),
    at,
  }))
  const table = tableOf(made, { action: 'replace', keys: ['id'] })
  for (const mode of [
    'STRICT_ALL_TABLES',
    'NO_BACKSLASH_ESCAPES',
    'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,ANSI_QUOTES',
  ]) {
    await over(database, { connectionLimit: 1 }, async (pool) => {
      pool.pool.on('connection', (connection) => void connection.query(`SET SESSION sql_mode = '${mode}'`))
      await writeWell(mysqlExecutor(pool, { prepare: false }), table, rows)
      const [[found]] = await pool.query<RowDataPacket[]>('SELECT @@sql_mode AS mode')
      assert.equal(String(found?.['mode']).split(',').sort(), mode.split(',').sort(), 'the mode is put back')
    })
    assert.equal(await made.rows(), rows)
  }
})

writes('conflict keys without a unique index are refused, until there is one', async (database) => {
  const made = await database.create({
    columns: { id: 'integer', name: 'text', email: 'text unique' },
    key: ['id', 'name'],
  })
  for (const keys of [['id'], ['name'], ['email', 'id']]) {
    for (const action of ['ignore', 'update', 'replace'] as const) {
      const written = await writeAll(database.executor, tableOf(made, { action, keys }), [{ id: 1, name: 'x' }])
      assert.equal(reasonsOf(written), { 0: 'schema' })
    }
  }
  await database.sql(`ALTER TABLE ${sqlName(made)} ADD UNIQUE (id)`)
  const rows = [{ id: 1, name: 'x', email: 'x' }]
  for (const keys of [['id'], ['name', 'id'], ['email']]) {
    await writeWell(database.executor, tableOf(made, { action: 'update', keys }), rows)
  }
  assert.equal(await made.rows(), rows)
})

writes('a view is written to as its table is', async (database) => {
  const made = await database.create(COLUMNS)
  await database.sql(`CREATE VIEW ${database.schema}.seen AS SELECT * FROM ${sqlName(made)}`)
  const table = tableOf({ ...made, name: `${database.schema}.seen` }, { action: 'update', keys: ['id'] })
  for (const name of ['x', 'y']) await writeWell(database.executor, table, [{ id: 1, name }])
  assert.equal(await made.rows(), [{ id: 1, name: 'y' }])
})

writes('a session without autocommit is committed', async (database) => {
  const made = await database.create(COLUMNS)
  await over(database, { connectionLimit: 1 }, async (pool) => {
    pool.pool.on('connection', (connection) => void connection.query('SET SESSION autocommit = 0'))
    await writeWell(mysqlExecutor(pool), tableOf(made), [{ id: 1 }])
  })
  assert.equal(await ids(made), [1])
})

writes('with no connection to spare an abort still ends, and costs the connection', async (database) => {
  const made = await database.create(COLUMNS)
  await over(database, { connectionLimit: 1 }, async (pool) => {
    const driver = new MysqlDriver(pool)
    await attempt(driver, tableOf(made), [{ id: 1 }])
    const hold = await database.hold(made)
    const controller = new AbortController()
    const failing = thrownBy(() => attempt(driver, tableOf(made), [{ id: 2 }], controller.signal))
    while ((await hold.running()) === 0);
    controller.abort(new Error('too slow'))
    const error = await failing
    assert.ok(error instanceof AttemptError)
    assert.equal([error.ambiguous, (error.cause as Error).message], [true, 'too slow'])
    await error.fence!(never) // over the connection that takes its place
    while ((await hold.running()) > 0);
    await hold.release()
    await attempt(driver, tableOf(made), [{ id: 3 }])
  })
  assert.equal(await ids(made), [1, 3])
})

writes('an abort at any moment tells the truth, and hits no later statement', async (database) => {
  const made = await database.create(COLUMNS)
  const driver = new MysqlDriver(database.pool)
  const stored: number[] = []
  for (const id of range(60)) {
    const controller = new AbortController()
    const outcome = attempt(driver, tableOf(made), [{ id }, { id: 1000 + id }], controller.signal).then(
      () => 'committed',
      (error: AttemptError) => (error.ambiguous ? 'unknown' : 'failed'),
    )
    await sleep((id % 12) / 4)
    controller.abort(new Error('too slow'))
    assert.is.not(await outcome, 'unknown')
    if ((await outcome) === 'committed') stored.push(id)
    await attempt(driver, tableOf(made), [{ id: 2000 + id }])
  }
  assert.equal(
    (await ids(made)).filter((id) => Number(id) < 1000),
    stored,
  )
})

writing('when the server keeps no more prepared statements, values are escaped', async () => {
  const own = await servers.privateMysql()
  if (own === undefined) return
  const database = new MysqlDatabase(own.url)
  try {
    const made = await database.create(COLUMNS)
    await database.sql('SET GLOBAL max_prepared_stmt_count = 0')
    const { errors } = await writeWell(
      database.executor,
      tableOf(made),
      range(100).map((id) => ({ id, name: "it's" })),
    )
    assert.equal(errors, [])
    assert.is(await made.count(), 100)
  } finally {
    await database.pool.end()
    await own.remove()
  }
})

writing('options are checked', async () => {
  const pool = createCallbackPool({})
  const message = (options: object) =>
    thrownBy(() => mysqlExecutor(pool, options as MysqlOptions)).then((error) => (error as Error).message)
  assert.is(await message({ prepare: 1 }), 'mysqlExecutor: prepare must be true or false, received 1')
  assert.is(
    await message({ prepared: true }),
    'mysqlExecutor: unknown option "prepared"; there are prepare, companions',
  )
  await pool.promise().end()
})

writing.run()
