import type { PoolOptions } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Table } from '../../src/contract/table.ts'
import { MysqlDriver } from '../../src/drivers/mysql/driver.ts'
import type { MysqlOptions } from '../../src/drivers/mysql/options.ts'
import { needed, servers } from '../support/servers/servers.ts'
import type { AnyRow } from './conformance/backend.ts'
import { MysqlDatabase } from './conformance/backends/mysql.ts'
import { range, tableOf } from './conformance/harness.ts'

const counting = suite('newest wins on MySQL')
const server = needed(await servers.mysql())
const database = new MysqlDatabase(server.url)
counting.after(() => database.close())
const { signal } = new AbortController()

/** What the driver says changed nothing. */
async function written(driver: MysqlDriver, table: Table, rows: readonly AnyRow[]): Promise<number> {
  const counts: number[] = []
  const operation = await driver.plan({ table, columns: table.columns, rows }, { signal })
  await driver.run(operation, { signal, superseded: (count) => counts.push(count) })
  assert.is(counts.length, 1)
  return counts[0]!
}

/** What a client counts as affected depends on its flags. */
const CLIENTS: Readonly<Record<string, PoolOptions>> = {
  'rows found': { flags: ['FOUND_ROWS'] },
  'rows changed': { flags: ['-FOUND_ROWS'] },
}
const PROTOCOLS: Readonly<Record<string, MysqlOptions>> = { prepared: { prepare: true }, text: { prepare: false } }

for (const [counts, client] of Object.entries(CLIENTS)) {
  for (const [protocol, options] of Object.entries(PROTOCOLS)) {
    counting(`what changed nothing is counted by clients that count ${counts} (${protocol})`, async () => {
      const columns = { id: 'integer', n: 'integer auto_increment unique', v: 'integer' }
      const made = await database.create({ columns, key: ['id'] })
      const table = tableOf({ ...made, columns: ['id', 'v'] }, { action: 'update', keys: ['id'], newer: 'v' })
      const pool = database.connect({ ...client, connectionLimit: 1 })
      const driver = new MysqlDriver(pool, options)
      const row = (id: number, v: number | null) => ({ id, v })
      try {
        const ones = []
        for (const v of [1, 1, 2, null, 1, 3]) ones.push(await written(driver, table, [row(1, v)]))
        assert.equal(ones, [0, 1, 0, 1, 1, 0])
        assert.is(await written(driver, table, [row(2, 1)]), 0)
        assert.is(await written(driver, table, [row(1, 3), row(2, 2), row(3, 1)]), 1)
        // 7 rows are statements of 4, 2 and 1: old ones in each of them
        const seven = range(7, 1).map((id) => row(id, id < 3 || id === 7 ? 9 : 0))
        await written(driver, table, seven.slice(6))
        assert.is(await written(driver, table, seven), 2)
        assert.is(await written(driver, table, seven), 7)
        assert.equal(
          (await made.rows()).map(({ id, v }) => [id, v]),
          [
            [1, 9],
            [2, 9],
            [3, 1],
            [4, 0],
            [5, 0],
            [6, 0],
            [7, 9],
          ],
        )
      } finally {
        await pool.end()
      }
    })
  }
}

counting('a version may be a time, a decimal or a text', async () => {
  const VERSIONS: Readonly<Record<string, readonly unknown[]>> = {
    'DATETIME(3)': [new Date('2026-01-31T10:00:00.001Z'), new Date('2026-01-31T10:00:00.002Z')],
    'TIMESTAMP(3) NULL': [new Date('2026-01-31T10:00:00.001Z'), new Date('2026-01-31T10:00:00.002Z')],
    'DECIMAL(40)': [10n ** 38n, 10n ** 38n + 1n],
    'VARCHAR(40)': ['01HQ3K', '01HQ3M'],
  }
  const pool = database.connect({})
  const driver = new MysqlDriver(pool)
  for (const [type, [older, newer]] of Object.entries(VERSIONS)) {
    const made = await database.create({ columns: { id: 'integer', x: 'integer', v: type }, key: ['id'] })
    const table = tableOf(made, { action: 'replace', keys: ['id'], newer: 'v' })
    for (const [x, v] of [older, newer, older, newer].entries()) await written(driver, table, [{ id: 1, x, v }])
    assert.equal((await made.rows())[0]!['x'], 1, type)
  }
  await pool.end()
})

counting.run()
