import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Change, deletion } from '../../../../src/contract/deletion.ts'
import { defineTable, type OnConflict, type Table } from '../../../../src/contract/table.ts'
import { BatchFlow } from '../../../../src/flow/batch-flow.ts'
import { TALLIED, TALLY_COLUMNS, type Tally, tally } from '../../../support/combine-model.ts'
import type { AnyRow, Capabilities, Database, TestTable } from '../backend.ts'
import { range, reasonsOf, tableOf, writeAll, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'
import { pairOf } from './values.ts'

const KEYS = range(4, 1)
const UPDATE: OnConflict<Tally> = { action: 'update', keys: ['id'], set: TALLIED }
const NEWEST: OnConflict<Tally> = { ...UPDATE, newer: 'v' }

const value = fc.option(fc.integer({ min: -9, max: 99 }), { nil: null })
const fields = fc.record(
  { hits: value, last: value, first: value, created: value, name: value, v: fc.integer({ min: 0, max: 9 }) },
  { requiredKeys: [] },
)
const key = fc.constantFrom(...KEYS)
const row = fc.tuple(key, fields).map(([id, more]): Tally => ({ id, ...more }))

/** Rows, and among them deletions, which have the version where there is one. */
function changesOf({ newer }: Table<Tally>): fc.Arbitrary<Change<Tally>[]> {
  const version = fc.integer({ min: 0, max: 9 })
  const gone = fc.tuple(key, version).map(([id, v]) => deletion<Tally>(newer === undefined ? { id } : { id, v }))
  return fc.array(fc.oneof({ weight: 5, arbitrary: row }, { weight: 1, arbitrary: gone }), { maxLength: 60 })
}

export const combined: Register = ({ add, can, backend }) => {
  if (!can.actions.includes('update')) return

  add(
    'sums, greatest, least, kept, replaced and deleted: what the client alone leaves, row by row',
    async (database) => {
      for (const [onConflict, numRuns] of [
        [UPDATE, 16],
        [NEWEST, 8],
      ] as const) {
        const { made, table, defaults } = await prepare(database, can, onConflict)
        const plain = await prepare(database, can, onConflict)
        let from = 0
        await fc.assert(
          fc.asyncProperty(changesOf(table), async (all) => {
            from += 10
            const own = all.map((change) => ({ ...change, id: from + change.id! }) as Change<Tally>)
            await submitAll(database, table, own)
            for (const change of own) await database.writeOne(plain.table as Table, { ...change })
            const storedIn = async ({ rows }: TestTable) =>
              (await rows()).filter(({ id }) => (id as number) > from && (id as number) < from + 10)
            const expected = modelOf(table, own, defaults)
            assert.equal(await storedIn(plain.made), expected)
            assert.equal(await storedIn(made), expected)
          }),
          { numRuns, endOnFailure: true },
        )
      }
    },
  )

  add('two flows at once add to the same rows', async (database) => {
    const { made, table } = await prepare(database, can, UPDATE)
    const own = range(600).map((n): Tally => ({ id: n % 30, hits: n, last: n, first: n }))
    await Promise.all([submitAll(database, table, own), submitAll(database, table, [...own].reverse())])
    const hits = (await made.rows()).map((row) => row['hits'])
    assert.equal(
      hits,
      range(30).map((id) => 2 * own.reduce((sum, row) => (row.id === id ? sum + (row.hits as number) : sum), 0)),
    )
  })

  add('what cannot be added fails its row, and leaves what is there', async (database) => {
    const { made, table } = await prepare(database, can, UPDATE)
    await writeWell(database.executor, table, [{ id: 1, hits: 1, name: 1 }])
    const wrong = [
      { id: 1, hits: 'one', name: 2 },
      { id: 2, hits: 2 },
      { id: 3, hits: new Date(0) },
    ]
    const written = await writeAll(database.executor, table, wrong)
    assert.equal(reasonsOf(written), { 0: 'invalid_data', 2: 'invalid_data' })
    assert.equal(
      (await made.rows()).map(({ id, hits, name }) => [id, hits, name]),
      [
        [1, 1, 1],
        [2, 2, null],
      ],
    )
  })

  add('values of all types: one batch leaves what many leave', async (database) => {
    const { executor } = database
    for (const { type, values } of backend.types) {
      const made = await database.create({ columns: { id: 'integer', value: type }, key: ['id'] })
      const written = values.slice(0, 4).map((pair) => pairOf(pair).written)
      for (const [i, how] of (['add', 'max', 'min'] as const).entries()) {
        const table = tableOf(made, { action: 'update', keys: ['id'], set: { value: how } })
        const rows = (id: number) => written.map((value) => ({ id, value }))
        await writeAll(executor, table, rows(2 * i))
        for (const row of rows(2 * i + 1)) await writeAll(executor, table, [row])
        const stored = await made.rows()
        const [together, apart] = [2 * i, 2 * i + 1].map((id) => stored.find((row) => row['id'] === id)?.['value'])
        assert.equal(together, apart, `${how} of ${type}`)
      }
    }
  })

  add('columns of other names are combined, too', async (database) => {
    const made = await database.create({ columns: { id: 'integer', a: 'integer', b: 'integer' }, key: ['id'] })
    const set = { a: 'add', b: 'max' } as const
    const columns = { id: 'id', a: 'b', b: 'a' }
    const table = defineTable<AnyRow>(made.name, { columns, onConflict: { action: 'update', keys: ['id'], set } })
    for (const [a, b] of [
      [1, 5],
      [2, 4],
    ]) {
      await writeWell(database.executor, table, [{ id: 1, a, b }])
    }
    assert.equal(await made.rows(), [{ id: 1, a: 5, b: 3 }])
  })
}

/** With a DEFAULT where there is such a thing: what is added first is added to that, where the first row has nothing. */
async function prepare(database: Database, can: Capabilities, onConflict: OnConflict<Tally>) {
  const types = Object.fromEntries(TALLY_COLUMNS.map((column) => [column, 'integer']))
  const columns = { ...types, ...(can.checks && { hits: 'integer default 7', created: 'integer default 5' }) }
  const made = await database.create({ columns, key: ['id'] })
  const { name } = made
  const options = { columns: made.columns, onConflict: onConflict as OnConflict<AnyRow>, deletes: true }
  const table = defineTable<AnyRow>(name, options) as Table as Table<Tally>
  return { made, table, defaults: can.checks ? { hits: 7, created: 5 } : {} }
}

/** In small batches, eight at once. */
async function submitAll(database: Database, table: Table<Tally>, all: readonly Change<Tally>[]): Promise<void> {
  const executor = database.executor.withConcurrencyLimit(8).withRetry({ maxAttempts: 9, backoffBase: 1 })
  const flow = new BatchFlow(executor, { flushSize: 3, flushInterval: 1 })
  for (const [i, row] of all.entries()) {
    await flow.submit(table, row)
    if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.is((await flow.close()).committed, all.length)
}

function modelOf(table: Table<Tally>, all: readonly Change<Tally>[], defaults: Partial<Tally>): Tally[] {
  const ids = [...new Set(all.map(({ id }) => id!))].sort((a, b) => a - b)
  return ids.flatMap((id) => {
    const own = all.filter((change) => change.id === id)
    return tally(table, own, undefined, defaults) ?? []
  })
}
