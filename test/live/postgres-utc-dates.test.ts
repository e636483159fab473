/** `pg.defaults.parseInputDatesAsUTC`: the wall clock that dates show where a column keeps no zone. */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PostgresDriver } from '../../src/drivers/postgres/driver.ts'
import type { PostgresOptions } from '../../src/drivers/postgres/options.ts'
import { Scene, tableOf, write } from '../support/databases/postgres.ts'

process.env['TZ'] = 'America/New_York'
const scene = await Scene.open({ options: '-c timezone=Asia/Tokyo' })
const dates = suite('dates as pg stores them, in UTC too')
dates.after(async () => {
  pg.defaults.parseInputDatesAsUTC = false
  await scene.close()
})

class Instrumented extends pg.Client {}

/** Leaves it to `pg` how a date is written. */
class Moment {
  readonly #date: Date
  constructor(date: Date) {
    this.#date = date
  }
  toPostgres(prepareValue: (value: unknown) => unknown): unknown {
    return prepareValue(this.#date)
  }
}

const STAMPS: readonly Date[] = [
  new Date('2024-07-04T02:30:00.001Z'),
  new Date('2024-11-03T05:30:00Z'), // the hour New York has twice
  new Date('2024-03-10T02:30:00Z'), // the hour it has not
  new Date('1969-12-31T23:59:59.999Z'),
  new Date('1883-01-01T04:30:00Z'), // local time was off by odd seconds
  new Date('0099-01-01T01:00:00Z'),
  new Date('0000-01-01T01:00:00Z'),
  new Date(-62_200_000_000_000),
  new Date(8.64e15),
]

/** Columns by type, and what stands in them for a date. */
const CASES: Record<string, (date: Date) => readonly unknown[]> = {
  timestamp: (date) => [date, new Moment(date)],
  date: (date) => [date, new Moment(date)],
  text: (date) => [date, [date], new Moment(date), [new Moment(date)]],
  'timestamp[]': (date) => [[date, null], [[date], [new Date(0)]], [new Moment(date)]],
  'date[]': (date) => [[date]],
  'text[]': (date) => [[date]],
}

/** `address` is something without a binary form: then all goes as text. */
const METHODS: readonly (readonly [string, PostgresOptions, address: string | null])[] = [
  ['binary COPY', {}, null],
  ['text COPY', {}, '10.0.0.1'],
  ['binary unnest', { appendMethod: 'insert' }, null],
  ['text unnest', { appendMethod: 'insert' }, '10.0.0.1'],
  ['COPY, unprepared', { prepare: false }, null],
]

async function stored(name: string): Promise<unknown[]> {
  const rows = await scene.sql(`SELECT v::text AS v FROM ${name} ORDER BY id`)
  await scene.sql(`DELETE FROM ${name}`)
  return rows.map(({ v }) => v)
}

async function asPgStores(name: string, values: readonly unknown[]): Promise<unknown[]> {
  for (const [id, v] of values.entries()) await scene.sql(`INSERT INTO ${name} (id, v) VALUES ($1, $2)`, [id, v])
  return stored(name)
}

for (const [type, variants] of Object.entries(CASES)) {
  dates(`${type}: the default may change between two batches of one driver`, async () => {
    const name = await scene.table(`id integer, v ${type}, address inet`)
    const table = tableOf(name, ['id', 'v', 'address'])
    const values = STAMPS.flatMap(variants)
    const drivers = METHODS.map(([, options]) => scene.driver(options))
    const seen = new Set<string>()
    for (const inUtc of [true, false, true]) {
      pg.defaults.parseInputDatesAsUTC = inUtc
      const wanted = await asPgStores(name, values)
      seen.add(JSON.stringify(wanted))
      for (const [i, [method, , address]] of METHODS.entries()) {
        const rows = values.map((v, id) => ({ id, v, address }))
        await write(drivers[i]!, table, rows)
        assert.equal(await stored(name), wanted, `${method}, ${inUtc ? 'UTC' : 'local'}`)
      }
    }
    assert.is(seen.size, 2, 'the default made no difference')
  })
}

dates('a timestamp with a zone is the same instant either way', async () => {
  const name = await scene.table('id integer, v timestamptz')
  const driver = scene.driver()
  for (const inUtc of [true, false]) {
    pg.defaults.parseInputDatesAsUTC = inUtc
    await write(driver, tableOf(name, ['id', 'v']), [{ id: 1, v: STAMPS[0] }])
    assert.equal(await stored(name), ['2024-07-04 11:30:00.001+09'])
  }
})

dates('the pool has a client class of its own', async () => {
  const name = await scene.table('id integer, v timestamp')
  const pool = new pg.Pool({ ...scene.pool.options, Client: Instrumented } as pg.PoolConfig)
  const driver = new PostgresDriver(pool)
  pg.defaults.parseInputDatesAsUTC = true
  await write(driver, tableOf(name, ['id', 'v']), [{ id: 1, v: STAMPS[0] }])
  await pool.end()
  assert.equal(await stored(name), ['2024-07-04 02:30:00.001'])
})

dates.run()
