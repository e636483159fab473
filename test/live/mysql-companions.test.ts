import { randomBytes } from 'node:crypto'
import { createPool, type PoolOptions } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import { CompanionError, FencedError } from '../../src/contract/errors.ts'
import { defineTable, type Table } from '../../src/contract/table.ts'
import { MysqlDriver } from '../../src/drivers/mysql/driver.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { thrownBy } from '../support/assertions.ts'
import { needed, servers } from '../support/servers/servers.ts'
import { writeAll } from './conformance/harness.ts'

const test = suite('companions of MySQL')
const { url } = needed(await servers.mysql())
const schema = `companions_${randomBytes(6).toString('hex')}`
const admin = createPool({ uri: url, connectionLimit: 1 })
const { signal } = new AbortController()
const names = { positions: `${schema}.positions`, tokens: `${schema}.tokens` }
const table = defineTable<{ id: number }>(`${schema}.rows`, { columns: ['id'] }) as Table

async function using(
  options: PoolOptions,
  work: (driver: MysqlDriver) => Promise<void>,
  first = 'DO 1',
): Promise<void> {
  const pool = createPool({ uri: url, connectionLimit: 2, ...options })
  pool.on('connection', (connection) => void connection.query(first))
  try {
    await work(new MysqlDriver(pool, { companions: names }))
  } finally {
    await pool.end()
  }
}

test.before(async () => {
  await admin.query(`CREATE DATABASE ${schema}`)
  await admin.query(`CREATE TABLE ${schema}.rows (id int)`)
})

test.after(async () => {
  await admin.query(`DROP DATABASE ${schema}`)
  await admin.end()
})

test('a position is compared and set whatever a client counts as affected', () =>
  using({ flags: ['-FOUND_ROWS'] }, async ({ companions }) => {
    await companions.claim(['flags'], signal)
    for (let i = 0; i < 3; i++)
      await companions.commit({ kind: 'move', scope: 'flags', expected: '', value: '' }, signal)
    const wrong = { kind: 'move', scope: 'flags', expected: 'x', value: 'y' } as const
    assert.ok((await thrownBy(() => companions.commit(wrong, signal))) instanceof FencedError)
  }))

test('a connection without autocommit sees what others have moved, and leaves no transaction open', () =>
  using(
    { connectionLimit: 1 },
    async (driver) => {
      const { companions } = driver
      await companions.claim(['commit'], signal)
      await admin.query(`UPDATE ${schema}.positions SET position = '7' WHERE scope = 'commit'`)
      assert.is((await companions.claim(['commit'], signal)).get('commit'), '7')
      await companions.commit({ kind: 'move', scope: 'commit', expected: '7', value: '8' }, signal)
      await admin.query(`UPDATE ${schema}.positions SET position = '9' WHERE scope = 'commit' AND position = '8'`)
      assert.is((await companions.claim(['commit'], signal)).get('commit'), '9')
    },
    'SET autocommit = 0',
  ))

test('a table of tokens that was dropped is made again', () =>
  using({}, async (driver) => {
    const executor = createExecutor(driver).withRetry({ onAmbiguous: 'verify' })
    assert.is((await writeAll(executor, table, [{ id: 1 }])).summary.committed, 1)
    await admin.query(`DROP TABLE ${names.tokens}`)
    assert.is((await writeAll(executor, table, [{ id: 2 }, { id: 3 }])).summary.committed, 2)
  }))

test('who may not make the tables, or not use them, is told what to run', async () => {
  const user = `u${randomBytes(4).toString('hex')}`
  await admin.query(`DROP TABLE IF EXISTS ${names.tokens}`)
  await admin.query(`CREATE USER '${user}'@'%' IDENTIFIED BY 'secret'`)
  await admin.query(`GRANT INSERT ON ${schema}.rows TO '${user}'@'%'`)
  try {
    await using({ user, password: 'secret' }, async (driver) => {
      const missing = (await thrownBy(() => driver.companions.prepare(signal))) as AttemptError
      assert.ok(missing instanceof AttemptError && missing.cause instanceof CompanionError)
      assert.match(missing.cause.message, /GRANT SELECT, INSERT, DELETE ON `|CREATE TABLE IF NOT EXISTS `/)
      const executor = createExecutor(driver).withRetry({ onAmbiguous: 'verify', backoffBase: 1 })
      const rows = Array.from({ length: 8 }, (_, id) => ({ id }))
      const written = await writeAll(executor, table, rows)
      assert.equal(written.errors, ['final:permission'], 'one attempt, not one for each row')
      const { reason } = written.results[0] as PromiseRejectedResult
      assert.equal([reason.fault, reason.ambiguous], ['place', false])
    })
  } finally {
    await admin.query(`DROP USER '${user}'@'%'`)
  }
})

test.run()
