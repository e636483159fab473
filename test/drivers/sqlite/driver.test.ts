import Database from 'libsql'
import PromisedDatabase from 'libsql/promise'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../../src/contract/driver.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { SqliteDriver } from '../../../src/drivers/sqlite/driver.ts'
import { type SqliteDatabase, sqliteExecutor } from '../../../src/drivers/sqlite/index.ts'
import { insertSql } from '../../../src/drivers/sqlite/sql.ts'
import { thrownBy } from '../../support/assertions.ts'

const driving = suite('the driver of SQLite')
const table = defineTable<{ id: number; name: string }>('t', {
  columns: ['id', 'name'],
  onConflict: { action: 'update', keys: ['id'] },
})
const batch = { table, columns: table.columns, rows: [{ id: 1, name: 'a' }, { id: 2 }] }
const never = new AbortController().signal

/** Prepared to see whether the database is open, and never run. */
const TRIAL = 'SELECT 1'

/** Writes down what is asked of it: only here can COMMIT be made to fail, and the order be seen. */
class Recorder implements SqliteDatabase {
  readonly calls: unknown[] = []
  readonly #failing: string | undefined

  constructor(failing?: string) {
    this.#failing = failing
  }

  exec(sql: string): void {
    this.calls.push(sql)
    if (sql === this.#failing) throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' })
  }

  prepare(sql: string) {
    if (sql !== TRIAL) this.calls.push('prepare')
    return { run: (...values: unknown[]) => void this.calls.push([sql.slice(0, 6), ...values]) }
  }
}

driving('a batch is one transaction, its statement prepared once', async () => {
  const database = new Recorder()
  const driver = new SqliteDriver(database)
  for (let times = 0; times < 2; times++) await driver.run(driver.plan(batch), { signal: never })
  const transaction = ['BEGIN IMMEDIATE', ['INSERT', 1n, 'a'], ['INSERT', 2n, null], 'COMMIT']
  assert.equal(database.calls, [transaction[0], 'prepare', ...transaction.slice(1), ...transaction])
})

driving('a client with pragma() gets its parameters as one array', async () => {
  const database = Object.assign(new Recorder(), { pragma: () => undefined })
  const driver = new SqliteDriver(database)
  await driver.run(driver.plan(batch), { signal: never })
  assert.equal(database.calls[2], ['INSERT', [1n, 'a']])
})

driving('the event loop has its turn before a batch', async () => {
  const database = new Recorder()
  const driver = new SqliteDriver(database)
  const running = driver.run(driver.plan(batch), { signal: never })
  await Promise.resolve()
  assert.equal(database.calls, [])
  await running
  assert.is(database.calls.length, 5)
})

driving('an attempt that is aborted before its turn writes nothing', async () => {
  const database = new Recorder()
  const driver = new SqliteDriver(database)
  const controller = new AbortController()
  const running = thrownBy(() => driver.run(driver.plan(batch), { signal: controller.signal }))
  controller.abort(new Error('enough'))
  const error = await running
  assert.ok(error instanceof AttemptError)
  assert.equal([(error.cause as Error).message, error.ambiguous], ['enough', false])
  assert.equal(database.calls, [])
})

driving('a COMMIT that fails on the disk leaves the outcome unknown, a BEGIN does not', async () => {
  for (const [failing, ambiguous] of [
    ['COMMIT', true],
    ['BEGIN IMMEDIATE', false],
  ] as const) {
    const driver = new SqliteDriver(new Recorder(failing))
    const error = await thrownBy(() => driver.run(driver.plan(batch), { signal: never }))
    assert.ok(error instanceof AttemptError)
    assert.is(error.ambiguous, ambiguous)
    assert.is(driver.classify(error.cause)?.reason, 'io')
  }
})

driving('dates are stored as told', () => {
  const at = defineTable<{ at: Date }>('t', { columns: ['at'] })
  const date = new Date('2024-02-29T12:00:00.123Z')
  const stored = (dates?: 'iso' | 'milliseconds') => {
    const driver = new SqliteDriver(new Recorder(), dates === undefined ? {} : { dates })
    return driver.plan({ table: at, columns: at.columns, rows: [{ at: date }] }).values[0]
  }
  assert.equal(
    [stored(), stored('iso'), stored('milliseconds')],
    [date.toISOString(), date.toISOString(), 1709208000123n],
  )
})

driving('statements', () => {
  const of = (onConflict: object) =>
    insertSql(defineTable('main."o""dd"', { columns: ['id', 'a"b'], onConflict } as never), ['id', 'a"b'])
  const head = 'INSERT INTO "main"."o""dd" ("id", "a""b") VALUES (?, ?)'
  assert.is(of({ action: 'error' }), head)
  assert.is(of({ action: 'ignore' }), `${head} ON CONFLICT DO NOTHING`)
  assert.is(of({ action: 'ignore', keys: ['id'] }), `${head} ON CONFLICT ("id") DO NOTHING`)
  assert.is(of({ action: 'update', keys: ['id'] }), `${head} ON CONFLICT ("id") DO UPDATE SET "a""b" = excluded."a""b"`)
})

driving('what is no database or no option is refused', async () => {
  const message = (act: () => unknown) => thrownBy(act).then((error) => (error as Error).message)
  const none = undefined as unknown as SqliteDatabase
  assert.is(
    await message(() => sqliteExecutor(none)),
    'sqliteExecutor: database must be a synchronous SQLite database with a method prepare(), received undefined',
  )
  assert.is(
    await message(() => sqliteExecutor(new Recorder(), { dates: 'unix' as 'iso' })),
    'sqliteExecutor: dates must be one of iso, milliseconds, received "unix"',
  )
})

const OPEN = { prepare: () => ({ run: () => undefined }), exec: () => undefined }
const closedBefore22 = {
  ...OPEN,
  open: () => undefined,
  prepare: () => {
    throw Object.assign(new Error('database is not open'), { code: 'ERR_INVALID_STATE' })
  },
}
const ASYNCHRONOUS = 'an asynchronous one: make it with better-sqlite3, libsql or node:sqlite'
const CLOSED = 'one that is closed: close it after the flow'

driving('a database that would refuse every batch is refused', async () => {
  const closed = new Database(':memory:')
  closed.close()
  for (const [given, what] of [
    [closed, CLOSED],
    [{ ...OPEN, open: () => undefined, isOpen: false }, CLOSED],
    [closedBefore22, CLOSED],
    [new PromisedDatabase(':memory:', {}), ASYNCHRONOUS],
    [{ ...OPEN, parallelize: () => undefined }, ASYNCHRONOUS],
    [{ ...OPEN, prepare: async () => Promise.reject(new Error('later')) }, ASYNCHRONOUS],
  ] as const) {
    const error = await thrownBy(() => sqliteExecutor(given as never))
    assert.is(
      (error as Error).message,
      `sqliteExecutor: database must be a synchronous SQLite database, received ${what}`,
    )
  }
})

driving('an open database is taken', () => {
  const database = new Database(':memory:')
  for (const given of [
    database,
    { ...OPEN, open: () => undefined },
    { ...OPEN, open: () => undefined, isOpen: true },
  ]) {
    assert.ok(sqliteExecutor(given))
  }
  database.close()
})

driving.run()
