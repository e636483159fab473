import mysql from 'mysql2'
import promises from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MysqlDriver } from '../../../src/drivers/mysql/driver.ts'

const test = suite('target of a pool of mysql2')

test('a pool of mysql2, of either kind, says where it connects to', async () => {
  const options = { host: 'db.example.org', port: 3307, database: 'shop', user: 'ann', password: 'secret' }
  for (const pool of [mysql.createPool(options), promises.createPool(options)]) {
    assert.equal(new MysqlDriver(pool).target, { address: 'db.example.org', port: 3307, namespace: 'shop' })
    await pool.end()
  }
})

test.run()
