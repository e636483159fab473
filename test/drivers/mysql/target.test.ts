import mysql from 'mysql2'
import promises from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MysqlDriver } from '../../../src/drivers/mysql/driver.ts'
import { SqliteDriver } from '../../../src/drivers/sqlite/driver.ts'

const test = suite('targets for spans')

test('a pool of mysql2, of either kind, says where it connects to', async () => {
  const options = { host: 'db.example.org', port: 3307, database: 'shop', user: 'ann', password: 'secret' }
  for (const pool of [mysql.createPool(options), promises.createPool(options)]) {
    assert.equal(new MysqlDriver(pool).target, { address: 'db.example.org', port: 3307, namespace: 'shop' })
    await pool.end()
  }
})

test('a SQLite database is named by its file', () => {
  const database = { prepare: () => assert.unreachable(), exec: () => assert.unreachable() }
  assert.equal(new SqliteDriver({ ...database, name: 'shop.db' } as never).target, { namespace: 'shop.db' })
  assert.equal(new SqliteDriver(database as never).target, { namespace: undefined })
})

test.run()
