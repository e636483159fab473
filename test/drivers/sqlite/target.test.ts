import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SqliteDriver } from '../../../src/drivers/sqlite/driver.ts'

const test = suite('target of a SQLite database')

test('a SQLite database is named by its file', () => {
  const database = { prepare: () => assert.unreachable(), exec: () => assert.unreachable() }
  assert.equal(new SqliteDriver({ ...database, name: 'shop.db' } as never).target, { namespace: 'shop.db' })
  assert.equal(new SqliteDriver(database as never).target, { namespace: undefined })
})

test.run()
