import { sql } from 'drizzle-orm'
import { boolean, datetime, mysqlTable, serial } from 'drizzle-orm/mysql-core'
import * as pg from 'drizzle-orm/pg-core'
import * as sqlite from 'drizzle-orm/sqlite-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { columnOf } from '../../src/contract/table.ts'
import { fromDrizzle } from '../../src/schema/index.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'

const test = suite('fromDrizzle')

const users = pg.pgSchema('app').table('users', {
  id: pg.bigint({ mode: 'number' }).primaryKey(),
  name: pg.text().notNull(),
  tags: pg.text().array(),
  data: pg.jsonb(),
  at: pg.timestamp({ withTimezone: true }).defaultNow(),
  twice: pg.integer().generatedAlwaysAs(sql`2`),
})

function refusal(define: () => unknown): string {
  try {
    define()
  } catch (error) {
    assert.instance(error, OptionError)
    return (error as Error).message
  }
  return assert.unreachable() as never
}

test('name, columns but for generated ones, and the primary key', () => {
  const table = fromDrizzle(users, { omit: ['at'], onConflict: { action: 'update' } })
  assert.is(table.name, 'app.users')
  assert.equal(table.columns, ['id', 'name', 'tags', 'data'])
  assert.equal([table.keys, table.set], [['id'], ['name', 'tags', 'data']])
  assert.is(fromDrizzle(users).action, 'error')
  assert.equal(fromDrizzle(users, { onConflict: { action: 'update' }, deletes: true }).deletes, ['id'])
  assert.equal(fromDrizzle(users, { onConflict: { action: 'replace', keys: ['name'] } }).keys, ['name'])
})

test('a primary key of several columns, and names that have to be quoted', () => {
  const seats = sqlite.sqliteTable(
    'odd.seats',
    { hall: sqlite.text(), seat: sqlite.integer(), taken: sqlite.integer({ mode: 'boolean' }) },
    (table) => [sqlite.primaryKey({ columns: [table.hall, table.seat] })],
  )
  const table = fromDrizzle(seats, { onConflict: { action: 'replace' } })
  assert.equal([table.path, table.keys], [['odd.seats'], ['hall', 'seat']])
})

test('refuses what would be stored in another way than Drizzle stores it', () => {
  const events = mysqlTable('events', { id: serial().primaryKey(), seen: boolean(), at: datetime() })
  assert.is(
    refusal(() => fromDrizzle(events)),
    'fromDrizzle("events"): Drizzle stores "at" by a rule of its own (MySqlDateTime), which a batch does not follow: ' +
      "declare it so that values are stored as they are (mode: 'string', withTimezone: true), or leave it out by omit",
  )
  assert.equal(fromDrizzle(events, { omit: ['at'] }).columns, ['id', 'seen'])
  const own = { local: pg.timestamp(), places: pg.vector({ dimensions: 3 }), days: pg.timestamp().array() }
  const epochs = { at: sqlite.integer({ mode: 'timestamp' }) }
  assert.match(
    refusal(() => fromDrizzle(pg.pgTable('t', { v: own.local }))),
    'PgTimestamp',
  )
  assert.match(
    refusal(() => fromDrizzle(pg.pgTable('t', { v: own.places }))),
    'PgVector',
  )
  assert.match(
    refusal(() => fromDrizzle(pg.pgTable('t', { v: own.days }))),
    'PgArray',
  )
  assert.match(
    refusal(() => fromDrizzle(sqlite.sqliteTable('t', epochs))),
    'SQLiteTimestamp',
  )
})

test('columns of another name than their property, and absent properties as Drizzle has them', () => {
  const visits = pg.pgTable('visits', { pageId: pg.integer('page_id').primaryKey(), at: pg.text().default('now') })
  const table = fromDrizzle(visits, { absent: 'default', onConflict: { action: 'update' } })
  assert.equal([table.columns, table.keys, table.set], [['pageId', 'at'], ['pageId'], ['at']])
  assert.equal([columnOf(table, 'pageId'), columnOf(table, 'at')], ['page_id', 'at'])
  assert.equal(table.defaults, ['pageId', 'at'])
})

test('refuses strangers, and what has no primary key', () => {
  const bare = pg.pgTable('t', { v: pg.text() })
  assert.match(
    refusal(() => fromDrizzle(bare, { onConflict: { action: 'update' } })),
    'has no primary key',
  )
  assert.match(
    refusal(() => fromDrizzle(bare, { omit: ['w' as 'v'] })),
    'omit must be among its columns, received "w"',
  )
  assert.match(
    refusal(() => fromDrizzle({ $inferInsert: {} })),
    'fromDrizzle: table must be a table of drizzle-orm',
  )
})

test.run()
