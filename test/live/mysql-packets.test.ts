import type { PoolOptions } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { needed, servers } from '../support/servers/servers.ts'
import { MysqlDatabase } from './conformance/backends/mysql.ts'
import { range, tableOf, writeWell } from './conformance/harness.ts'

const test = suite('packets of prepared statements on a server')
const server = needed(await servers.mysql())

const AT = new Date('2024-02-29T23:59:59.123Z')

/** By type, what is written into it. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  tinyint: [0, -128, 127, true, false, null],
  'int unsigned': [0, 2 ** 32 - 1, '7'],
  bigint: [
    0,
    -1,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    '-9223372036854775808',
  ],
  'bigint unsigned': [2 ** 53 - 1, '18446744073709551615'],
  double: [0, -1, 0.1, 1e300, 5e-324, 2 ** 53, -(2 ** 60), 123456789],
  float: [0, 1.5, 16777216],
  'decimal(30,10)': [0, -1, 0.5, 123456789012, '12345678901234567890.0123456789'],
  'varchar(100)': ['', 'plain', 'ünï€😀', '\0\n\\\'"', 0, -7, 2.5, true, AT],
  longtext: ['x'.repeat(250), 'x'.repeat(251), 'é'.repeat(40_000), '€'.repeat(83)],
  longblob: [Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(70_000, 7)],
  'datetime(3)': [AT, new Date(0), new Date('1999-12-31T00:00:00Z'), new Date('1000-01-01T00:00:00.001Z'), 20240229],
  'timestamp(3)': [AT, new Date(86_400_000)],
  date: [AT, '2024-02-29', 20240229],
  'time(3)': ['12:34:56.789', 123456],
  year: [2024, '1999'],
  json: ['{"a":[1,"é"]}', 'null'],
  'bit(16)': [0, 5, 65535],
  "enum('a','b')": ['b', 1],
  "set('a','b')": ['a,b', 3],
}

/** What is stored of all values when the driver writes them, and when `execute` is called by hand. */
async function bothWays(database: MysqlDatabase, options: PoolOptions): Promise<void> {
  const pool = database.connect(options)
  for (const [type, values] of Object.entries(VALUES)) {
    const [made, other] = [
      await database.create({ columns: { id: 'integer', v: type } }),
      await database.create({ columns: { id: 'integer', v: type } }),
    ]
    const rows = values.map((v, id) => ({ id, v }))
    await writeWell(mysqlExecutor(pool), tableOf(made), rows)
    for (const { id, v } of rows) {
      // A text of its own: MySQL keeps the types of the first values, and what is DECIMAL later would go through a DOUBLE.
      const insert = `INSERT /* ${id} */ INTO ${other.name.replaceAll('"', '`')} (id, v) VALUES (?, ?)`
      await pool.execute(insert, [id, v as string])
    }
    const stored = await made.rows()
    assert.is(stored.length, values.length)
    assert.equal(stored, await other.rows(), type)
  }
  await pool.end()
}

for (const [how, options] of Object.entries<PoolOptions>({
  'in UTC': {},
  'in another time zone': { timezone: '-03:30' },
  'in local time, compressed': { timezone: 'local', compress: true },
})) {
  test(`every type is stored as mysql2 would have it, ${how}`, async () => {
    const database = new MysqlDatabase(server.url)
    await bothWays(database, options).finally(() => database.close())
  })
}

test('a client that does not speak UTF-8 encodes texts itself', async () => {
  const database = new MysqlDatabase(server.url)
  const pool = database.connect({ charset: 'LATIN1_SWEDISH_CI' })
  const made = await database.create({ columns: { id: 'integer', name: 'text' } })
  await writeWell(mysqlExecutor(pool), tableOf(made), [{ id: 1, name: 'Größe' }])
  assert.equal(await made.rows(), [{ id: 1, name: 'Größe' }])
  await pool.end()
  await database.close()
})

test('whole numbers keep all their digits in a text column', async () => {
  const database = new MysqlDatabase(server.url)
  const made = await database.create({ columns: { id: 'integer', name: 'text' } })
  await writeWell(database.executor, tableOf(made), [{ id: 1, name: Number.MAX_SAFE_INTEGER }])
  assert.equal(await made.rows(), [{ id: 1, name: '9007199254740991' }])
  await database.close()
})

test('a batch of more than 16 MiB goes in pieces, whatever is left for the last one', async () => {
  const own = await servers.privateMysql()
  if (own === undefined) return
  const database = new MysqlDatabase(own.url)
  await database.sql('SET GLOBAL max_allowed_packet = 67108864')
  const pool = database.connect({ connectionLimit: 1 }) // whose sessions are younger
  const made = await database.create({ columns: { id: 'integer', body: 'bytes' } })
  const most = 2 ** 24 - 1
  // What stands before the body has 28 bytes, or 31 where parameters are named: one of these fills a piece to its end.
  const lengths = range(12).map((i) => most - 34 + i)
  for (const [id, length] of [...lengths, 2 * most].entries()) {
    await writeWell(mysqlExecutor(pool), tableOf(made), [{ id, body: Buffer.alloc(length, id) }])
  }
  const stored = await database.sql(`SELECT LENGTH(body) AS length FROM ${made.name.replaceAll('"', '`')} ORDER BY id`)
  assert.equal(
    stored.map(({ length }) => length),
    [...lengths, 2 * most],
  )
  await pool.end()
  await database.pool.end()
  await own.remove()
})

test.run()
