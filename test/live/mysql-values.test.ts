import vm from 'node:vm'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { servers } from '../support/servers/servers.ts'
import type { AnyRow, TestTable } from './conformance/backend.ts'
import { MysqlDatabase } from './conformance/backends/mysql.ts'
import { range, reasonsOf, tableOf, writeAll, writeWell } from './conformance/harness.ts'

const storing = suite('values in MySQL')
const server = await servers.mysql()
const isMariaDb = server !== undefined && (await isMaria(server.url))

function stores(name: string, run: (database: MysqlDatabase) => Promise<void>): void {
  if (server === undefined) return
  storing(name, async () => {
    const database = new MysqlDatabase(server.url)
    await run(database).finally(() => database.close())
  })
}

async function isMaria(url: string): Promise<boolean> {
  const database = new MysqlDatabase(url)
  const [row] = await database.sql('SELECT VERSION() AS version').finally(() => database.pool.end())
  return /mariadb/i.test(String(row?.['version']))
}

const sqlName = ({ name }: TestTable) => name.replaceAll('"', '`')
const INVALID = 'invalid_data'

for (const prepare of [true, false]) {
  stores(`dates whose year has no four digits in the time zone fail alone (prepare: ${prepare})`, async (database) => {
    for (const [timezone, last, beyond] of [
      ['Z', '9999-12-31T23:59:59.999Z', '+010000-01-01T00:00:00.000Z'],
      ['+02:00', '9999-12-31T21:59:59.999Z', '9999-12-31T22:00:00.000Z'],
      ['-03:30', '+010000-01-01T03:29:59.999Z', '+010000-01-01T03:30:00.000Z'],
    ] as const) {
      const made = await database.create({ columns: { id: 'integer', at: 'datetime(3)' } })
      const pool = database.connect({ timezone })
      const dates = [last, beyond, '-000001-12-31T00:00:00.000Z', '2024-02-29T12:00:00.123Z'].map((at) => new Date(at))
      const rows = dates.map((at, id) => ({ id, at }))
      const written = await writeAll(mysqlExecutor(pool, { prepare }), tableOf(made), rows)
      await pool.end()
      assert.equal(reasonsOf(written), { 1: INVALID, 2: INVALID })
      const stored = await database.sql(`SELECT id, CAST(at AS char) AS at FROM ${sqlName(made)} ORDER BY id`)
      assert.match(String(stored[0]?.['at']), /^9999-12-31 23:59:59.999/)
      assert.is(stored.length, 2)
    }
  })

  stores(`BIT takes a bigint for a number, and text its digits (prepare: ${prepare})`, async (database) => {
    const made = await database.create({ columns: { id: 'integer', bits: 'bit(16)', digits: 'text', big: 'bigint' } })
    const values = [0n, 5n, 300n, 65535n]
    const executor = mysqlExecutor(database.pool, { prepare })
    const rows = values.map((bits, id) => ({ id, bits, digits: 10n ** 15n + bits, big: -(2n ** 63n) + bits }))
    await writeWell(executor, tableOf(made), [...rows, { id: 9, digits: -999_999_999_999_999n }])
    const stored = await database.sql(
      `SELECT CAST(bits AS unsigned) AS bits, digits, CAST(big AS char) AS big FROM ${sqlName(made)} ORDER BY id`,
    )
    assert.equal(
      stored.slice(0, 4).map((row) => Object.values(row)),
      rows.map(({ bits, digits, big }) => [Number(bits), String(digits), String(big)]),
    )
    assert.is(stored[4]?.['digits'], '-999999999999999')
  })

  stores(`values of another realm are stored as those of this one (prepare: ${prepare})`, async (database) => {
    const made = await database.create({ columns: { id: 'integer', at: 'datetime(3)', raw: 'bytes', buffer: 'bytes' } })
    const [at, raw, buffer] = vm.runInNewContext(
      '[new Date(86400000), new Uint8Array([1, 200]), new Uint8Array([3]).buffer]',
    ) as unknown[]
    await writeWell(mysqlExecutor(database.pool, { prepare }), tableOf(made), [{ id: 1, at, raw, buffer }])
    const stored = { id: 1, at: new Date(86400000), raw: Buffer.from([1, 200]), buffer: Buffer.from([3]) }
    assert.equal(await made.rows(), [stored])
  })
}

stores('what objects inherit is no value, and what is no value is refused', async (database) => {
  const made = await database.create({ columns: { id: 'integer', constructor: 'text', ['__proto__']: 'text' } })
  const own = JSON.parse('{"id": 2, "constructor": "c", "__proto__": "p"}') as AnyRow
  const rows = [{ id: 1 }, own, { id: 3, constructor: () => 1 }, { id: 4, constructor: Symbol('s') }]
  const written = await writeAll(database.executor, tableOf(made), rows as AnyRow[])
  assert.equal(reasonsOf(written), { 2: INVALID, 3: INVALID })
  const parts = "COALESCE(`constructor`, ''), COALESCE(`__proto__`, '')"
  const stored = await database.sql(`SELECT CONCAT_WS(',', id, ${parts}) AS kept FROM ${sqlName(made)} ORDER BY id`)
  assert.equal(
    stored.map((row) => row['kept']),
    ['1,,', '2,c,p'],
  )
})

/** Keys of a type, the first of them twice in the ways that are one key. */
const KEYS: Readonly<Record<string, readonly [unknown, unknown, unknown]>> = {
  'datetime(3)': [new Date(0), new Date(0), new Date(1)],
  'decimal(10,2)': ['1.50', '1.5', '1.51'],
  'binary(3)': [Buffer.from([1, 0, 255]), Buffer.from([1, 0, 255]), Buffer.from([1, 0, 254])],
  'varchar(9) COLLATE utf8mb4_general_ci': ['Key', 'kEY', 'kez'],
  'varchar(9) COLLATE utf8mb4_bin': ['Key', 'Key', 'kEY'],
  'varchar(9) CHARACTER SET latin1': ['ü', 'ü', 'u'],
  double: [0.1, 0.1, 0.2],
  "enum('a', 'b')": ['a', 'a', 'b'],
  year: [2024, '2024', 2025],
  time: ['12:00:00', '12:00', '12:00:01'],
  ...(isMariaDb && {
    uuid: [
      '123E4567-E89B-12D3-A456-426614174000',
      '123e4567-e89b-12d3-a456-426614174000',
      '123e4567-e89b-12d3-a456-426614174001',
    ],
    inet6: ['2001:db8::1', '2001:0db8:0::1', '2001:db8::2'],
    inet4: ['10.0.0.1', '10.0.0.1', '10.0.0.2'],
  }),
}

for (const [type, [key, same, other]] of Object.entries(KEYS)) {
  stores(`a key of type ${type} meets its own row and no other`, async (database) => {
    for (const action of ['ignore', 'update', 'replace'] as const) {
      const made = await database.create({
        columns: { k: type, tenant: 'integer', v: 'integer', mail: 'text UNIQUE' },
        key: ['k', 'tenant'],
      })
      const table = tableOf(made, { action, keys: ['k', 'tenant'] })
      const write = (rows: readonly AnyRow[]) =>
        writeAll(
          database.executor,
          table,
          rows.map((row) => ({ tenant: 1, ...row })),
        )
      assert.equal(reasonsOf(await write([{ k: key, v: 1, mail: 'a' }])), {}, action)
      assert.equal(reasonsOf(await write([{ k: same, v: 2, mail: 'a' }])), {}, action)
      assert.equal(reasonsOf(await write([{ k: other, v: 3, mail: 'a' }])), { 0: 'duplicate_key' }, action)
      const stored = await database.sql(`SELECT v FROM ${sqlName(made)}`)
      assert.equal(
        stored.map(({ v }) => v),
        [action === 'ignore' ? 1 : 2],
        action,
      )
    }
  })
}

stores('a text keeps its digits, whatever numbers its column was given before', async (database) => {
  const digits = '123456789012345.67890'
  for (const type of ['decimal(20,5)', 'varchar(30)']) {
    const made = await database.create({ columns: { id: 'integer', value: type }, key: ['id'] })
    const pool = database.connect({ connectionLimit: 1 })
    const executor = mysqlExecutor(pool)
    for (const [id, value] of [0.5, digits, 1e-7, digits].entries()) {
      await writeWell(executor, tableOf(made), [{ id, value }])
    }
    const stored = (await made.rows()).map(({ value }) => value)
    assert.equal([stored[1], stored[3]], [digits, digits], type)
    if (type !== 'decimal(20,5)') assert.equal([stored[0], stored[2]], ['0.5', '0.0000001'])
    await pool.end()
  }
})

stores('5,000 sparse updates keep few statements prepared', async (database) => {
  const names = range(13).map((i) => `c${i}`)
  const made = await database.create({
    columns: { id: 'integer', ...Object.fromEntries(names.map((name) => [name, 'integer'])) },
    key: ['id'],
  })
  const pool = database.connect({ connectionLimit: 1 })
  const executor = mysqlExecutor(pool)
  const table = tableOf(made, { action: 'update', keys: ['id'] })
  const rows = range(5000).map((id) => ({
    id,
    ...Object.fromEntries(names.filter((_, bit) => (id >> bit) & 1).map((name) => [name, id])),
  }))
  const before = await preparedOn(database)
  await writeWell(executor, table, rows)
  const kept = (await preparedOn(database)) - before
  console.log(`${kept} statements prepared after 5,000 sparse updates`)
  assert.ok(kept <= 150, `${kept} prepared`)
  assert.is(await made.count(), 5000)
  await pool.end()
})

async function preparedOn(database: MysqlDatabase): Promise<number> {
  const [status] = await database.sql("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")
  return Number(status?.['Value'])
}

storing.run()
