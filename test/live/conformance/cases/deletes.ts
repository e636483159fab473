import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { type Change, deletion } from '../../../../src/contract/deletion.ts'
import { defineTable, type OnConflict, type Table } from '../../../../src/contract/table.ts'
import { BatchFlow } from '../../../../src/flow/batch-flow.ts'
import { left } from '../../../support/delete-model.ts'
import { type Item, store } from '../../../support/newest-model.ts'
import type { AnyRow, Database, TestTable } from '../backend.ts'
import { range, reasonsOf, writeAll, writeWell } from '../harness.ts'
import type { Register } from '../register.ts'

const COLUMNS = { id: 'integer', x: 'integer', v: 'integer', y: 'integer' }
const KEYS = range(5, 1)
const CONFLICTS: Readonly<Record<string, OnConflict<AnyRow>>> = {
  ignore: { action: 'ignore', keys: ['id'] },
  update: { action: 'update', keys: ['id'] },
  'an update that adds': { action: 'update', keys: ['id'], set: { x: 'add', v: 'replace', y: 'replace' } },
  'the newest update': { action: 'update', keys: ['id'], newer: 'v' },
  replace: { action: 'replace', keys: ['id'] },
  'the newest replace': { action: 'replace', keys: ['id'], newer: 'v' },
}

export const deletes: Register = ({ add, can }) => {
  for (const [what, onConflict] of Object.entries(CONFLICTS)) {
    add(`deletions: ${what}, rows and deletions in any order, many batches at once`, async (database) => {
      const { made, table } = await prepare(database, onConflict)
      let from = 0
      await fc.assert(
        fc.asyncProperty(fc.array(changeOf(table), { maxLength: 60 }), async (all) => {
          from += 10
          const own = all.map((change) => moved(change, from))
          await submitAll(database, table, own)
          const stored = (await made.rows()).filter(({ id }) => (id as number) > from && (id as number) < from + 10)
          assert.equal(stored, modelOf(table, own))
        }),
        { numRuns: 12, endOnFailure: true },
      )
    })
  }

  add('deletions: in one batch with rows, of what is there and what is not', async (database) => {
    const { made, table } = await prepare(database, CONFLICTS['update']!)
    await writeWell(database.executor, table, rowsOf(range(200)))
    const changes = range(300).map((id) => (id % 3 === 0 ? deletion({ id }) : { id, x: 1 }))
    const { summary } = await writeWell(database.executor, table, changes)
    assert.is(summary.committed, 300)
    assert.equal(
      (await made.rows()).map(({ id }) => id),
      range(300).filter((id) => id % 3 !== 0),
    )
    for (const id of [1, 1, 2]) await writeWell(database.executor, table, [deletion({ id })])
    assert.is(await made.count(), 198)
  })

  add('deletions: a row that is newer stays, one that is as new or has no version goes', async (database) => {
    const { made, table } = await prepare(database, CONFLICTS['the newest update']!)
    const versions = [4, 5, 6, null]
    await writeWell(
      database.executor,
      table,
      versions.map((v, i) => ({ id: i + 1, x: 0, v, y: 0 })),
    )
    await writeWell(
      database.executor,
      table,
      versions.map((_, i) => deletion({ id: i + 1, v: 5 })),
    )
    assert.equal(await made.rows(), [{ id: 3, x: 0, v: 6, y: 0 }])
  })

  add(
    'deletions: keys of several columns with names of their own, numbers for texts and texts for numbers',
    async (database) => {
      const made = await database.create({
        columns: { n: 'integer', 'the "tag"': 'text', first: 'integer' },
        key: ['n', 'the "tag"'],
      })
      const [number, tag] = can.tables ? ['number', 'tag'] : ['n', 'the "tag"'] // keys of hashes are those of the backend
      const table = defineTable<AnyRow>(made.name, {
        columns: { [number!]: 'n', [tag!]: 'the "tag"', start: 'first' },
        onConflict: { action: 'replace', keys: [number!, tag!] },
        deletes: true,
      })
      const keyOf = (n: unknown, text: unknown) => ({ [number!]: n, [tag!]: text })
      const tags = ['1', '1st', '01', 'x:y%z', "o'b\\", 'ä']
      await writeWell(
        database.executor,
        table,
        [1, 2].flatMap((n) => tags.map((text) => ({ ...keyOf(n, text), start: 0 }))),
      )
      const gone = [keyOf(1, 1), keyOf('2', 'x:y%z'), keyOf(2n, "o'b\\"), keyOf(3, '1')]
      await writeWell(database.executor, table, gone.map(deletion))
      const there = (await made.rows()).map((row) => `${row['n']} ${row['the "tag"']}`).sort()
      assert.equal(there, ['1 01', '1 1st', "1 o'b\\", '1 x:y%z', '1 ä', '2 01', '2 1', '2 1st', '2 ä'].sort())
    },
  )

  add('deletions: one that cannot be sent fails alone', async (database) => {
    const { made, table } = await prepare(database, CONFLICTS['update']!)
    await writeWell(database.executor, table, rowsOf(range(40)))
    const changes = range(40).map((id) => (id === 7 ? deletion({ id: () => 7 }) : deletion({ id })))
    assert.equal(reasonsOf(await writeAll(database.executor, table, changes)), { 7: 'invalid_data' })
    assert.equal(await made.rows(), rowsOf([7]))
  })

  add('deletions: previewed and checked', async (database) => {
    const { table } = await prepare(database, CONFLICTS['the newest replace']!)
    const { operations } = await database.executor.preview(table as Table<AnyRow>, [
      { id: 1, x: 1, v: 1, y: 1 },
      deletion({ id: 2, v: 2 }),
    ])
    assert.equal(
      operations.map(({ rows, arguments: sent }) => [rows, sent]),
      [
        [1, 2],
        [1, 4],
      ],
    )
    assert.match(operations[0]!.name, can.tables ? /^DELETE$/ : /^PIPELINE EVALSHA$/)
    const findings = await database.executor.check(table)
    assert.not.ok(findings.some(({ ok }) => ok === false))
    if (can.tables) assert.ok(findings.some(({ text }) => text === 'a deletion of no row goes through'))
  })
}

const field = fc.option(fc.integer({ min: 0, max: 9 }), { nil: null })
const version = fc.integer({ min: 0, max: 9 })

function changeOf({ newer, deletes = [] }: Table): fc.Arbitrary<Change<Item>> {
  const row = fc.record(
    { id: fc.constantFrom(...KEYS), x: field, y: field, v: version },
    { requiredKeys: newer === undefined ? ['id'] : ['id', 'v'] },
  )
  const gone = fc.record({ id: fc.constantFrom(...KEYS), v: version })
  const keyOf = (key: Item) => Object.fromEntries(Object.entries(key).filter(([column]) => deletes.includes(column)))
  return fc.oneof(
    { weight: 3, arbitrary: row as fc.Arbitrary<Item> },
    { weight: 2, arbitrary: gone.map((key) => deletion(keyOf(key)) as Change<Item>) },
  )
}

/** With another key. */
function moved(change: Change<Item>, by: number): Change<Item> {
  return { ...change, id: change.id! + by } as Change<Item>
}

async function prepare(database: Database, onConflict: OnConflict<AnyRow>) {
  const made: TestTable = await database.create({ columns: COLUMNS, key: ['id'] })
  const { name, columns } = made
  return { made, table: defineTable<AnyRow>(name, { columns, onConflict, deletes: true }) as Table }
}

function rowsOf(ids: readonly number[]): Item[] {
  return ids.map((id) => ({ id, x: 0, v: 0, y: 0 }))
}

/** In small batches, several at once. */
async function submitAll(database: Database, table: Table, changes: readonly Change<Item>[]): Promise<void> {
  const executor = database.executor.withConcurrencyLimit(8).withRetry({ maxAttempts: 5, backoffBase: 1 })
  const flow = new BatchFlow(executor, { flushSize: 3, flushInterval: 1 })
  for (const [i, change] of changes.entries()) {
    await flow.submit(table as Table<Item>, change)
    if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  assert.is((await flow.close()).committed, changes.length)
}

/** What is there after one change and then the other, in order of the key. */
function modelOf(table: Table, changes: readonly Change<Item>[]): Item[] {
  const ids = [...new Set(changes.map(({ id }) => id!))].sort((a, b) => a - b)
  return ids.flatMap((id) => {
    const own = changes.filter((change) => change.id === id)
    return left(table as Table<Item>, own, undefined, (row, there) => written(table, row, there)) ?? []
  })
}

function written(table: Table, row: Item, there: Item | undefined): Item | undefined {
  if (there === undefined) return store(table as Table<Item>, [row], undefined)
  if (table.action === 'ignore') return there
  if (table.newer !== undefined) return store(table as Table<Item>, [row], there)
  if (table.action === 'replace') return store(table as Table<Item>, [row], undefined)
  const given = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined))
  return { ...there, ...given, ...(table.combine !== undefined && { x: sum(there.x, row.x) }) }
}

function sum(a: number | null | undefined, b: number | null | undefined): number | null {
  return a == null || b == null ? (a ?? b ?? null) : a + b
}
