import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Change, type Deletion, deletion, isDeletion } from '../../src/contract/deletion.ts'
import { defineTable, type OnConflict } from '../../src/contract/table.ts'
import { coalesce } from '../../src/lanes/coalesce.ts'
import { TALLIED, TALLY_COLUMNS, type Tally, tally } from '../support/combine-model.ts'
import { left } from '../support/delete-model.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'

const test = suite('rows are deleted in order')
const keys = ['id'] as const
const CONFLICTS = {
  update: { action: 'update', keys },
  updates: { action: 'update', keys, set: TALLIED },
  newest: { action: 'update', keys, set: TALLIED, newer: 'v' },
  replace: { action: 'replace', keys },
  'newest replaces': { action: 'replace', keys, newer: 'v' },
  ignore: { action: 'ignore', keys },
} as const satisfies Record<string, OnConflict<Tally>>
const tableOf = (onConflict: OnConflict<Tally>) =>
  defineTable<Tally>('tallies', { columns: TALLY_COLUMNS, onConflict, deletes: true })
const TABLES = Object.values(CONFLICTS).map(tableOf)
const [updates, newest] = [tableOf(CONFLICTS.updates), tableOf(CONFLICTS.newest)]

type Tallied = Change<Tally>

const DEFAULTS = { hits: 100, last: 4, first: 4, created: 7, name: 8 }

/** What is there after `changes` one by one. */
function stored(table: (typeof TABLES)[number], changes: readonly Tallied[], before?: Tally): Tally | undefined {
  return left(table, changes, before, (row, there) => {
    if (there === undefined || (table.action === 'update' && table.combine !== undefined)) {
      return tally(table, [row], there, table.action === 'update' ? DEFAULTS : {})
    }
    if (table.action === 'ignore') return there
    if (table.newer !== undefined && !isLater(row.v, there.v)) return there
    return table.action === 'replace' ? tally(table, [row]) : { ...there, ...present(row) }
  })
}

const isLater = (incoming: Tally['v'], there: Tally['v']) =>
  typeof incoming === 'number' && (typeof there !== 'number' || incoming > there)

function present(row: Tally): Tally {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as unknown as Tally
}

const goneFrom = ({ newer }: { newer?: string | undefined }, id: number, v: number): Deletion<Tally> =>
  deletion(newer === undefined ? { id } : { id, v })
const gone = (id: number, v: number) => goneFrom(newest, id, v)

test('of a row and its deletion the deletion is left, of two deletions one', () => {
  for (const table of TABLES) {
    const last = goneFrom(table, 1, 2)
    assert.equal(coalesce(table, [{ id: 1, hits: 1, v: 1 }, goneFrom(table, 1, 1), last]), [[last]])
  }
})

test('a row behind a deletion comes upon no row: it is written after it', () => {
  for (const table of TABLES) {
    const [first, row] = [goneFrom(table, 1, 1), { id: 1, hits: 1, v: 2 }]
    assert.equal(coalesce(table, [first, row]), [[first], [row]])
  }
})

test('a deletion leaves what is newer, and deletes what is as new', () => {
  const row = { id: 1, v: 2 }
  assert.equal(coalesce(newest, [row, gone(1, 1)]), [[row]])
  assert.equal(coalesce(newest, [row, gone(1, 2)]), [[gone(1, 2)]])
  assert.equal(coalesce(newest, [gone(1, 2), gone(1, 1)]), [[gone(1, 2)]])
  assert.equal(coalesce(newest, [gone(1, 1), gone(1, 2)]), [[gone(1, 2)]])
  const unknown = deletion({ id: 1, v: '10' }) as never
  assert.is(coalesce(newest, [row, unknown]).length, 2)
})

const number = fc.option(fc.integer({ min: -3, max: 9 }), { nil: null })
const fields = fc.record(
  { hits: number, last: number, first: number, created: number, name: number, v: fc.integer({ min: 0, max: 5 }) },
  { requiredKeys: [] },
)
const version = fc.integer({ min: 0, max: 5 })
const change = (id: number, table: (typeof TABLES)[number]) =>
  fc.oneof(
    fields.map((some): Tallied => ({ id, ...some })),
    version.map((v): Tallied => goneFrom(table, id, v)),
  )
const someTable = fc.constantFrom(...TABLES)

test('writing what changes are merged to leaves what writing them one by one leaves', () => {
  const before = fc.option(
    fields.map((some) => tally(updates, [{ id: 1, ...some }], undefined, DEFAULTS)),
    { nil: undefined },
  )
  const changes = someTable.chain((table) =>
    fc.tuple(fc.constant(table), fc.array(change(1, table), { minLength: 1, maxLength: 6 }), before),
  )
  fc.assert(
    fc.property(changes, ([table, all, there]) => {
      const merged = coalesce(table, all).flat() as Tallied[]
      assert.equal(stored(table, merged, there), stored(table, all, there))
    }),
    { numRuns: 5000 },
  )
})

test('through a flow, with eight batches in flight, changes leave what applying them one by one leaves', async () => {
  const steps = someTable.chain((table) =>
    fc.tuple(
      fc.constant(table),
      fc.array(
        fc.oneof(
          { weight: 6, arbitrary: fc.integer({ min: 1, max: 4 }).chain((id) => change(id, table)) },
          { weight: 1, arbitrary: fc.constant('flush' as const) },
          { weight: 2, arbitrary: fc.nat({ max: 7 }) },
        ),
        { maxLength: 40 },
      ),
    ),
  )
  await fc.assert(
    fc.asyncProperty(steps, async ([table, all]) => {
      const { flow, driver } = rig({ flushSize: 2, bufferSize: 100 }, (executor) => executor.withConcurrencyLimit(8))
      const submitted: Tallied[] = []
      const contents = new Map<number, Tally | undefined>()
      const answered = new Set<number>()
      /** One of the batches in flight, whichever is the first to be answered. */
      const settle = async (which: number) => {
        const waiting = [...driver.runs.keys()].filter((run) => !answered.has(run))
        const run = waiting[which % waiting.length]
        if (run === undefined) return false
        answered.add(run)
        const { rows, batch } = driver.runs[run]!
        for (const row of rows as Tally[]) {
          assert.is(isDeletion(row), batch.deletions === true)
          contents.set(row.id, stored(table, [row], contents.get(row.id)))
        }
        driver.runs[run]!.succeed()
        await settled()
        return true
      }
      for (const step of all) {
        if (step === 'flush') void flow.flush()
        else if (typeof step === 'number') await settle(step)
        else {
          submitted.push(step)
          await flow.submit(table, step)
        }
      }
      const closed = flow.close()
      await settled()
      for (let which = 5; await settle(which); which += 3);
      assert.is((await closed).committed, submitted.length)
      for (const id of [1, 2, 3, 4]) {
        const own = submitted.filter((other) => other.id === id)
        assert.equal(contents.get(id), stored(table, own))
      }
    }),
    { numRuns: 400 },
  )
})

test.run()
