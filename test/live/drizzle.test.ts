import * as mysql from 'drizzle-orm/mysql-core'
import { drizzle as mysqlDrizzle } from 'drizzle-orm/mysql2'
import { drizzle as pgDrizzle } from 'drizzle-orm/node-postgres'
import * as pg from 'drizzle-orm/pg-core'
import { createPool } from 'mysql2/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { fromDrizzle } from '../../src/schema/index.ts'
import { Scene } from '../support/databases/postgres.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('tables of Drizzle')
const NAME = `drizzle_${process.pid}`

test('PostgreSQL holds the same as if Drizzle had written it', async () => {
  const scene = await Scene.open()
  const table = pg.pgTable('t', {
    id: pg.integer().primaryKey(),
    big: pg.bigint({ mode: 'bigint' }),
    exact: pg.numeric(),
    number: pg.numeric({ mode: 'number' }),
    words: pg.text().array(),
    object: pg.jsonb(),
    list: pg.jsonb(),
    json: pg.json(),
    at: pg.timestamp({ withTimezone: true }),
    wall: pg.timestamp({ mode: 'string' }),
    day: pg.date(),
    yes: pg.boolean(),
    key: pg.uuid(),
    real: pg.doublePrecision(),
  })
  const values = {
    big: 12345678901234567890n / 10n,
    exact: '1.50',
    number: 0.1,
    words: ['a', 'b,"c"'],
    object: { a: [1, null] },
    list: [1, 'x', { y: 2 }],
    json: { b: 'ü' },
    at: new Date('2026-01-02T03:04:05.678Z'),
    wall: '2026-01-02 03:04:05.5',
    day: '2026-01-02',
    yes: true,
    key: '0b3c5d7e-0000-4000-8000-000000000001',
    real: 1e-7,
  }
  try {
    await scene.sql(`CREATE TABLE t (id int PRIMARY KEY, big int8, exact numeric, number numeric, words text[], object jsonb,
      list jsonb, json json, at timestamptz, wall timestamp, day date, yes bool, key uuid, real float8)`)
    await pgDrizzle(scene.pool)
      .insert(table)
      .values({ id: 1, ...values })
    for (const [id, action] of [
      [2, 'error'],
      [3, 'update'],
    ] as const) {
      const written = await postgresExecutor(scene.pool).write(fromDrizzle(table, { onConflict: { action } }), [
        { id, ...values },
      ])
      assert.equal(written.failed, [])
    }
    const texts = await scene.sql('SELECT (to_jsonb(t) - $1)::text AS row FROM t ORDER BY id', ['id'])
    assert.is(texts.length, 3)
    assert.equal(new Set(texts.map(({ row }) => row)).size, 1)
  } finally {
    await scene.close()
  }
})

test('and so does MySQL', async () => {
  const server = await servers.mysql()
  if (server === undefined) return
  const pool = createPool(server.url)
  const table = mysql.mysqlTable(NAME, {
    id: mysql.int().primaryKey(),
    big: mysql.bigint({ mode: 'bigint', unsigned: true }),
    number: mysql.decimal({ mode: 'number', precision: 10, scale: 2 }),
    object: mysql.json(),
    list: mysql.json(),
    wall: mysql.datetime({ mode: 'string', fsp: 3 }),
    yes: mysql.boolean(),
  })
  const values = {
    big: 2n ** 64n - 1n,
    number: 0.1,
    object: { a: 1 },
    list: [1, 'x'],
    wall: '2026-01-02 03:04:05.678',
    yes: true,
  }
  try {
    await pool.query(`CREATE TABLE ${NAME} (id int PRIMARY KEY, big bigint unsigned, number decimal(10,2), object json,
      list json, wall datetime(3), yes boolean)`)
    await mysqlDrizzle(pool)
      .insert(table)
      .values({ id: 1, ...values })
    const written = await mysqlExecutor(pool).write(fromDrizzle(table, { onConflict: { action: 'update' } }), [
      { id: 2, ...values },
    ])
    assert.equal(written.failed, [])
    const [rows] = await pool.query(
      `SELECT big, number, object, list, CAST(wall AS char) AS wall, yes FROM ${NAME} ORDER BY id`,
    )
    const [first, second] = rows as object[]
    assert.equal(second, first)
  } finally {
    await pool.query(`DROP TABLE IF EXISTS ${NAME}`)
    await pool.end()
  }
})

test.run()
