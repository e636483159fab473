import type { RowDataPacket } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowFailedError } from '../../src/contract/errors.ts'
import type { Table } from '../../src/contract/table.ts'
import { MysqlDriver } from '../../src/drivers/mysql/driver.ts'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { servers } from '../support/servers/servers.ts'
import type { AnyRow, TestTable } from './conformance/backend.ts'
import { MysqlDatabase } from './conformance/backends/mysql.ts'
import { range, reasonsOf, tableOf, writeAll } from './conformance/harness.ts'

const refusing = suite('rows that MySQL refuses')
const server = await servers.mysql()
const signal = new AbortController().signal
const COLUMNS = { columns: { id: 'integer', name: 'text' }, key: ['id'] } as const

function refuses(name: string, run: (database: MysqlDatabase) => Promise<void>): void {
  if (server === undefined) return
  refusing(name, async () => {
    const database = new MysqlDatabase(server.url)
    await run(database).finally(() => database.close())
  })
}

const sqlName = ({ name }: TestTable) => name.replaceAll('"', '`')
const ids = async (made: TestTable) => (await made.rows()).map(({ id }) => id)

function firstError({ results }: { results: readonly PromiseSettledResult<unknown>[] }): RowFailedError {
  const failed = results.find((result) => result.status === 'rejected')
  assert.ok(failed?.status === 'rejected' && failed.reason instanceof RowFailedError)
  return failed.reason
}

/** One attempt that may leave bad rows out; returns which. */
async function left(driver: MysqlDriver, table: Table, rows: readonly AnyRow[]): Promise<number[]> {
  const operation = await driver.plan({ table, columns: table.columns, rows }, { signal })
  return (await driver.run(operation, { signal, isolate: true })).map(({ index }) => index)
}

for (const raised of [
  "SQLSTATE '45000'",
  "SQLSTATE 'MY001'",
  "SQLSTATE 'ZZ001' SET MYSQL_ERRNO = 5000",
  "SQLSTATE '42000' SET MYSQL_ERRNO = 1064",
  "SQLSTATE '42000' SET MYSQL_ERRNO = 1142",
  "SQLSTATE '42S02' SET MYSQL_ERRNO = 1146",
  "SQLSTATE 'HY000' SET MYSQL_ERRNO = 1105",
]) {
  refuses(`a trigger that raises ${raised} fails its row and no other`, async (database) => {
    const bad = [0, 7, 8, 299]
    const good = range(300).filter((id) => !bad.includes(id))
    const made = await database.create(COLUMNS)
    const [schema, table] = made.name.replaceAll('"', '').split('.')
    const body = `IF new.name = 'bad' THEN SIGNAL ${raised}; END IF`
    await database.sql(`CREATE TRIGGER ${schema}.on_${table} BEFORE INSERT ON ${schema}.${table} FOR EACH ROW ${body}`)
    const rows = range(300).map((id) => ({ id, name: bad.includes(id) ? 'bad' : 'x' }))
    const written = await writeAll(database.executor, tableOf(made), rows)
    assert.equal(Object.keys(reasonsOf(written)).map(Number), bad)
    assert.is(firstError(written).fault, 'row')
    assert.equal(await ids(made), good)
    await database.sql(`DELETE FROM ${sqlName(made)}`)
    assert.equal(await left(new MysqlDriver(database.pool), tableOf(made), rows), bad)
    assert.equal(await ids(made), good)
  })
}

refuses('many bad rows cost one attempt', async (database) => {
  const made = await database.create({ ...COLUMNS, check: '"name" <> \'bad\'' })
  const pool = database.connect({ connectionLimit: 1 })
  const driver = new MysqlDriver(pool)
  const statements = async () => {
    const [[status]] = await pool.query<RowDataPacket[]>("SHOW SESSION STATUS LIKE 'Questions'")
    return Number(status?.['Value'])
  }
  const timed = async (bad: number) => {
    const rows = range(10_000).map((id) => ({ id, name: bad > 0 && id % (10_000 / bad) === 5 ? 'bad' : 'x' }))
    const before = await statements()
    const start = performance.now()
    const failed = await left(driver, tableOf(made), rows)
    const took = performance.now() - start
    const asked = (await statements()) - before - 1
    assert.is(failed.length, bad)
    assert.is(await made.count(), 10_000 - bad)
    await database.sql(`DELETE FROM ${sqlName(made)}`)
    return { took, asked }
  }
  try {
    for (const bad of [0, 0, 0, 1, 10, 1000, 0]) await timed(bad)
    for (const bad of [0, 1, 10, 1000]) {
      const { took, asked } = await timed(bad)
      console.log(`${bad} bad of 10,000: ${asked} statements, ${took.toFixed(0)} ms`)
      // MariaDB names the row and takes 7 for each; MySQL does not, and has to be asked by halves.
      assert.ok(asked < 100 + 40 * bad, `${asked} statements`)
    }
  } finally {
    await pool.end()
  }
})

refuses(
  "many bad rows each have the client's own error, and what their triggers wrote is taken back",
  async (database) => {
    const made = await database.create({ columns: { id: 'integer', name: 'varchar(5)' }, key: ['id'] })
    const log = await database.create({ columns: { id: 'integer' } })
    const [schema, table] = made.name.replaceAll('"', '').split('.')
    const body = `BEGIN INSERT INTO ${sqlName(log)} VALUES (new.id); IF new.name = 'no' THEN SIGNAL SQLSTATE '45000'; END IF; END`
    await database.sql(`CREATE TRIGGER ${schema}.on_${table} BEFORE INSERT ON ${schema}.${table} FOR EACH ROW ${body}`)
    const names = ['ok', 'no', 'too long', 'ok', 'ok']
    const rows = range(400).map((id) => ({ id: id % 5 === 4 ? 4 : id, name: names[id % 5] }))
    const operation = { table: tableOf(made), columns: made.columns, rows }
    const driver = new MysqlDriver(database.pool)
    const planned = await driver.plan(operation, { signal, isolate: true })
    const failures = await driver.run(planned, { signal, isolate: true })
    const codes: Record<number, unknown> = {}
    for (const { index, error } of failures) {
      const { cause } = error as { cause: { code: string; errno: number; sql?: string } }
      codes[index] = `${cause.code} ${cause.errno}`
    }
    const expected = (index: number) =>
      ({ 1: 'ER_SIGNAL_EXCEPTION 1644', 2: 'ER_DATA_TOO_LONG 1406', 4: 'ER_DUP_ENTRY 1062' })[index % 5]
    const bad = range(400).filter((index) => [1, 2].includes(index % 5) || (index % 5 === 4 && index > 4))
    assert.equal(codes, Object.fromEntries(bad.map((index) => [index, expected(index)])))
    const good = await ids(made)
    assert.is(good.length, 400 - bad.length)
    assert.equal(await ids(log), good)
  },
)

refuses(
  'a table that is not as it is said to be costs one attempt, and the server says what is wrong',
  async (database) => {
    const made = await database.create({
      columns: { id: 'integer', name: 'text', sum: 'integer GENERATED ALWAYS AS (id) VIRTUAL' },
    })
    const wrong: readonly (readonly [Table, RegExp])[] = [
      [tableOf({ ...made, name: `${database.schema}.nowhere` }), /nowhere' doesn't exist/],
      [tableOf({ ...made, name: 'nowhere_at_all.t' }), /nowhere_at_all/],
      [tableOf({ ...made, columns: ['id', 'other'] }), /Unknown column 'other'/],
      [tableOf({ ...made, columns: ['id', 'sum'] }), /generated column 'sum'/],
      [tableOf({ ...made, columns: ['id', 'name'] }, { action: 'update', keys: ['id'] }), /no unique index .* id/],
    ]
    for (const [table, words] of wrong) {
      const written = await writeAll(
        database.executor,
        table,
        range(300).map((id) => ({ id, name: "it's", other: 1, sum: 4711 })),
      )
      const error = firstError(written)
      assert.equal([error.reason, error.fault, error.attempts], ['schema', 'place', 1], error.message)
      assert.match(error.message, words)
      assert.is.not(error.message.includes('4711'), true)
    }
  },
)

refuses('a right that is missing costs one attempt', async (database) => {
  const made = await database.create(COLUMNS)
  const user = `${database.schema}_r`.slice(-20)
  await database.sql(`CREATE USER ${user}@'%' IDENTIFIED BY 'p'`)
  await database.sql(`GRANT SELECT ON ${database.schema}.* TO ${user}@'%'`)
  const pool = database.connect({ user, password: 'p', database: database.schema })
  const written = await writeAll(
    mysqlExecutor(pool),
    tableOf(made),
    range(300).map((id) => ({ id })),
  )
  const error = firstError(written)
  assert.equal([error.reason, error.fault, error.attempts], ['permission', 'place', 1])
  await pool.end()
  await database.sql(`DROP USER ${user}@'%'`)
})

refusing.run()
