import fc from 'fast-check'
import * as assert from 'uvu/assert'
import type { OnConflict, Table } from '../../../../src/contract/table.ts'
import { BatchFlow } from '../../../../src/flow/batch-flow.ts'
import { type Item, store } from '../../../support/newest-model.ts'
import type { AnyRow, Database, TestTable } from '../backend.ts'
import { range, reasonsOf, tableOf, type Written, writeAll, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'

const COLUMNS = { id: 'integer', x: 'integer', v: 'integer', y: 'integer' }
const NEWEST: Readonly<Record<string, OnConflict<AnyRow>>> = {
  update: { action: 'update', keys: ['id'], newer: 'v' },
  'an update of some columns': { action: 'update', keys: ['id'], set: ['x'], newer: 'v' },
  replace: { action: 'replace', keys: ['id'], newer: 'v' },
}
const KEYS = range(5, 1)

export const newest: Register = ({ add, can }) => {
  for (const [what, onConflict] of Object.entries(NEWEST)) {
    if (!can.actions.includes(onConflict.action)) continue

    add(`newest wins: ${what} leaves a row alone that is as new or newer`, async (database) => {
      const { made, table } = await prepare(database, onConflict)
      const first = [1, 2, 3, 4].map((id): Item => ({ id, x: 0, v: 5, y: 0 }))
      await writeWell(database.executor, table, first)
      const second = [4, 5, 6, null].map((v, i): Item => ({ id: i + 1, x: 1, v, y: 1 }))
      const written = await writeWell(database.executor, table, [...second, { id: 5, x: 1, v: 1, y: 1 }])
      assert.equal(await made.rows(), modelOf(table, [...first, ...second, { id: 5, x: 1, v: 1, y: 1 }]))
      assert.is(supersededIn(written), 3)
    })

    add(`newest wins: ${what}, one row at a time, is told what changed nothing`, async (database) => {
      const { made, table } = await prepare(database, onConflict)
      const rows = [3, 2, 3, 4, null, 4, 5].map((v, x): Item => ({ id: 1, x, v, y: x }))
      const counts = []
      for (const row of rows) counts.push(supersededIn(await writeWell(database.executor, table, [row])))
      assert.equal(counts, [0, 1, 1, 0, 1, 1, 0])
      assert.equal(await made.rows(), modelOf(table, rows))
    })

    add(`newest wins: ${what} of a row without a version is older than any other`, async (database) => {
      const { made, table } = await prepare(database, onConflict)
      const rows: Item[] = [
        { id: 1, x: 1, y: 1 },
        { id: 1, x: 2, y: 2 },
        { id: 1, x: 3, v: -9, y: 3 },
        { id: 1, x: 4 },
      ]
      const counts = []
      for (const row of rows) counts.push(supersededIn(await writeWell(database.executor, table, [row])))
      assert.equal(counts, [0, 1, 0, 1])
      assert.equal(await made.rows(), modelOf(table, rows))
    })

    add(`newest wins: ${what} of rows in any order, twice, by two flows at once`, async (database) => {
      const arbitrary = fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.integer({ min: 0, max: 60 })), {
        maxLength: 150,
      })
      await fc.assert(
        fc.asyncProperty(arbitrary, fc.array(fc.nat(), { maxLength: 10 }), async (pairs, places) => {
          const { made, table } = await prepare(database, onConflict)
          const rows = pairs.map(([id, v]): Item => ({ id, x: v * 3 + id, v, y: wholly(onConflict) ? v * 5 + id : id }))
          const again = places.flatMap((place) => rows[place % rows.length] ?? [])
          const summaries = await Promise.all([
            submitAll(database, table, [...again, ...rows]),
            submitAll(database, table, [...rows].reverse()),
          ])
          assert.equal(await made.rows(), modelOf(table, rows))
          assert.is(summaries[0]! + summaries[1]!, 2 * rows.length + again.length)
        }),
        { numRuns: 12 },
      )
    })
  }

  if (can.actions.includes('update')) addPartial(add)
  if (can.checks) addBadRows(add)
}

const addPartial = (add: Parameters<Register>[0]['add']): void => {
  add('newest wins: columns that rows lack are left alone, whatever the batches', async (database) => {
    const field = fc.option(fc.integer({ min: 0, max: 9 }), { nil: null })
    const row = fc
      .record({ x: field, y: field, v: fc.integer({ min: 0, max: 12 }) }, { requiredKeys: ['v'] })
      .chain((fields) => fc.constantFrom(...KEYS.slice(0, 3)).map((id): Item => ({ id, ...fields })))
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 60 }), async (rows) => {
        const { made, table } = await prepare(database, NEWEST['update']!)
        await submitAll(database, table, rows)
        assert.equal(await made.rows(), modelOf(table, rows))
      }),
      { numRuns: 25 },
    )
  })
}

const addBadRows = (add: Parameters<Register>[0]['add']): void => {
  add('newest wins: rows beside bad ones are written and counted', async (database) => {
    const made = await database.create({ columns: COLUMNS, key: ['id'], check: '"x" >= 0' })
    const table = tableOf(made, NEWEST['update']!) as Table<Item>
    const first = range(80).map((id): Item => ({ id, x: 0, v: 5, y: 0 }))
    await writeWell(database.executor, table, first)
    const second = range(100).map((id): Item => ({ id, x: id % 10 === 3 ? -1 : 1, v: id % 3 === 0 ? 5 : 6, y: 1 }))
    const written = await writeAll(database.executor, table, second)
    const good = second.filter(({ x }) => x === 1)
    assert.equal(
      Object.keys(reasonsOf(written)).map(Number),
      second.flatMap(({ id, x }) => (x === 1 ? [] : [id])),
    )
    assert.equal(await made.rows(), modelOf(table, [...first, ...good]))
    assert.is(supersededIn(written), good.filter(({ id, v }) => id < 80 && v === 5).length)
  })
}

async function prepare(database: Database, onConflict: OnConflict<AnyRow>) {
  const made: TestTable = await database.create({ columns: COLUMNS, key: ['id'] })
  return { made, table: tableOf(made, onConflict) as Table<Item> }
}

function wholly(onConflict: OnConflict<AnyRow>): boolean {
  return !('set' in onConflict)
}

/** In small batches, several at once; returns how many rows were committed. */
async function submitAll(database: Database, table: Table<Item>, rows: readonly Item[]): Promise<number> {
  const executor = database.executor.withConcurrencyLimit(4).withRetry({ maxAttempts: 5, backoffBase: 1 })
  const flow = new BatchFlow(executor, { flushSize: 3, flushInterval: 1 })
  for (const [i, row] of rows.entries()) {
    await flow.submit(table, row)
    if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return (await flow.close()).committed
}

/** What writing one row after the other leaves, in order of the key. */
function modelOf(table: Table<Item>, rows: readonly Item[]): Item[] {
  const ids = [...new Set(rows.map(({ id }) => id))].sort((a, b) => a - b)
  return ids.map((id) => {
    const own = rows.filter((row) => row.id === id)
    return store(table, own, undefined)!
  })
}

function supersededIn({ calls }: Written): number {
  const counts = calls.filter(([verb]) => verb === 'countSuperseded')
  return counts.reduce((sum, [, , rows]) => sum + Number(rows), 0)
}
