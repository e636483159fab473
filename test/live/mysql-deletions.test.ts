import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deletion } from '../../src/contract/deletion.ts'
import { defineTable, type OnConflict, type Table } from '../../src/contract/table.ts'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { servers } from '../support/servers/servers.ts'
import type { AnyRow, TestTable } from './conformance/backend.ts'
import { MysqlDatabase } from './conformance/backends/mysql.ts'
import { range, reasonsOf, writeAll, writeWell } from './conformance/harness.ts'

const deleting = suite('deletions in MySQL')
const server = await servers.mysql()

function deletes(name: string, run: (database: MysqlDatabase) => Promise<void>): void {
  if (server === undefined) return
  deleting(name, async () => {
    const database = new MysqlDatabase(server.url)
    await run(database).finally(() => database.close())
  })
}

function tableOf({ name, columns }: TestTable, onConflict: OnConflict<AnyRow>): Table {
  return defineTable<AnyRow>(name, { columns, onConflict, deletes: true })
}

const sqlName = ({ name }: TestTable) => name.replaceAll('"', '`')

deletes('a row that others refer to fails alone', async (database) => {
  const made = await database.create({ columns: { id: 'integer', name: 'text' }, key: ['id'] })
  const table = tableOf(made, { action: 'update', keys: ['id'] })
  await writeWell(
    database.executor,
    table,
    range(100).map((id) => ({ id, name: 'x' })),
  )
  const child = `${database.schema}.child`
  await database.sql(`CREATE TABLE ${child} (parent int, FOREIGN KEY (parent) REFERENCES ${sqlName(made)} (id))`)
  await database.sql(`INSERT INTO ${child} VALUES (3), (4), (90)`)
  const all = range(100).map((id) => deletion({ id }))
  const written = await writeAll(database.executor, table, all)
  assert.equal(reasonsOf(written), { 3: 'constraint', 4: 'constraint', 90: 'constraint' })
  assert.equal(
    (await made.rows()).map(({ id }) => id),
    [3, 4, 90],
  )
  await database.sql(`DROP TABLE ${child}`)
})

const KEYS: readonly (readonly [type: string, key: unknown, others: readonly unknown[]])[] = [
  ['varchar(20)', 1, ['1st', '01', '1.0']],
  ['varchar(20)', true, ['1x']],
  ['varbinary(20)', 12n, ['12a']],
  ['decimal(30,2)', '1234567890123456789012345678.05', ['1234567890123456789012345678.06']],
  ['decimal(9,2)', '10.005', ['10.00']],
  ['bigint', '9007199254740993', ['9007199254740992']],
  ['bigint unsigned', 2n ** 64n - 1n, [2n ** 64n - 2n]],
  ['datetime', new Date('2026-01-02T03:04:05.600Z'), [new Date('2026-01-02T03:04:07.000Z')]],
  ['datetime(3)', new Date('2026-01-02T03:04:05.678Z'), [new Date('2026-01-02T03:04:05.679Z')]],
  ['date', '2026-01-02', ['2026-01-03']],
  ['time(0)', '10:00:00', ['10:00:01']],
  ['year', 2026, [2025]],
  ['float', 0.1, [0.2]],
  ['binary(8)', Buffer.from('ab'), [Buffer.from('ab\u0001')]],
  ['bit(16)', Buffer.from([1, 5]), [5]],
  ["enum('1', 'b')", 2, ['1']],
]

for (const prepare of [true, false]) {
  deletes(`keys are compared as they are stored${prepare ? '' : ', without prepared statements'}`, async (database) => {
    const executor = mysqlExecutor(database.pool, { prepare })
    for (const [type, key, others] of KEYS) {
      const made = await database.create({ columns: { k: type, v: 'datetime' }, key: ['k'] })
      const table = tableOf(made, { action: 'update', keys: ['k'], newer: 'v' })
      const v = new Date('2026-01-02T03:04:05.600Z')
      await writeWell(
        executor,
        table,
        [key, ...others].map((k) => ({ k, v })),
      )
      await writeWell(executor, table, [deletion({ k: key, v: new Date(v.getTime() - 2000) })])
      assert.is(await made.count(), 1 + others.length, `${type}: an older one`)
      await writeWell(executor, table, [deletion({ k: key, v })])
      assert.is(await made.count(), others.length, type)
    }
  })

  deletes(
    `a key that is none of the column fails${prepare ? '' : ', without prepared statements'}`,
    async (database) => {
      const executor = mysqlExecutor(database.pool, { prepare })
      const made = await database.create({ columns: { id: 'integer', name: 'text' }, key: ['id'] })
      const table = tableOf(made, { action: 'update', keys: ['id'] })
      await writeWell(
        executor,
        table,
        range(20).map((id) => ({ id, name: 'x' })),
      )
      const keys = [1, 'abc', 2, '3x', '', 2n ** 63n, 1.5, '1e1', Buffer.from('4')]
      const written = await writeAll(
        executor,
        table,
        keys.map((id) => deletion({ id })),
      )
      const bad = [1, 3, 4, 5, 6, 7, 8]
      assert.equal(reasonsOf(written), Object.fromEntries(bad.map((i) => [i, 'invalid_data'])))
      assert.is(await made.count(), 18)
    },
  )
}

const STRANGERS: readonly (readonly [type: string, stored: unknown, keys: readonly unknown[]])[] = [
  ['date', '2026-01-02', ['2026-01-02x', '2026-01-02 zz', 'today']],
  ['datetime', '2026-01-02 03:04:05', ['2026-01-02 03:04:05zz', '2026-01-02T03:04:05Z', '2026-01-02 03:04:05+02:00']],
  ['timestamp', '2026-01-02 03:04:05', ['2026-01-02 03:04:05 ?']],
  ['time', '10:00:00', ['10:00:00x', 'x']],
  ['time', '838:59:59', ['839:00:00']],
  ['year', 2026, ['2026x', 'x']],
  ['bit(8)', 0, ['123456789', 256n ** 8n]],
]

deletes('a key that only begins like a date or a time of the column fails', async (database) => {
  for (const [type, stored, keys] of STRANGERS) {
    const made = await database.create({ columns: { k: type, x: 'integer' }, key: ['k'] })
    const table = tableOf(made, { action: 'update', keys: ['k'] })
    await writeWell(database.executor, table, [{ k: stored, x: 1 }])
    const written = await writeAll(
      database.executor,
      table,
      keys.map((k) => deletion({ k })),
    )
    assert.equal(reasonsOf(written), Object.fromEntries(keys.map((_, i) => [i, 'invalid_data'])), type)
    assert.is(await made.count(), 1, type)
  }
})

deletes('a decimal that is rounded up beyond the greatest one deletes nothing', async (database) => {
  const made = await database.create({ columns: { k: 'decimal(4,2)', x: 'integer' }, key: ['k'] })
  const table = tableOf(made, { action: 'update', keys: ['k'] })
  await writeWell(database.executor, table, [{ k: '99.99', x: 1 }])
  await writeWell(database.executor, table, [deletion({ k: '99.999' })])
  assert.is(await made.count(), 1)
})

deleting.run()
