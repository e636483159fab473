import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import { type Combine, defineTable, type Table } from '../../src/contract/table.ts'
import { coalesce } from '../../src/lanes/coalesce.ts'
import { combine, IN_ORDER } from '../../src/lanes/combine.ts'
import { TALLIED, TALLY_COLUMNS, type Tally, tally } from '../support/combine-model.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryError } from '../support/engine/memory-driver.ts'

const test = suite('columns that are combined')
const onConflict = { action: 'update', keys: ['id'], set: TALLIED } as const
const tallies = defineTable<Tally>('tallies', { columns: TALLY_COLUMNS, onConflict })
const versioned = defineTable<Tally>('tallies', { columns: TALLY_COLUMNS, onConflict: { ...onConflict, newer: 'v' } })

const day = (text: string) => new Date(`2026-01-${text}Z`)

const KNOWN: readonly (readonly [how: Combine, before: unknown, after: unknown, value: unknown])[] = [
  ['add', 1, 2, 3],
  ['add', null, 2, 2],
  ['add', 1, null, 1],
  ['add', 1, undefined, 1],
  ['add', undefined, null, undefined],
  ['add', null, undefined, null],
  ['add', '0.1', 0.2, '0.3'],
  ['max', 1, 2, 2],
  ['max', 2, 1, 2],
  ['max', 0, -0, 0],
  ['max', -0, 0, -0],
  ['max', 1n, 2, 2],
  ['max', null, -1, -1],
  ['max', 1, null, 1],
  ['max', '2026-01-31', '2026-02-01', '2026-02-01'],
  ['max', 'b', 'b', 'b'],
  ['min', 1, 2, 1],
  ['min', 2, 1n, 1n],
  ['min', null, 1, 1],
]
for (const [how, before, after, value] of KNOWN) {
  test(`${how} of ${typeof before} ${String(before)} and ${typeof after} ${String(after)}`, () => {
    assert.ok(Object.is(combine(how, before, after), value))
  })
}

test('the greater of two dates is one of them', () => {
  const [early, late] = [day('01'), day('02')]
  for (const [a, b] of [
    [early, late],
    [late, early],
  ]) {
    assert.is(combine('max', a, b), late)
    assert.is(combine('min', a, b), early)
  }
})

/** A column decides, or a DEFAULT. */
const UNKNOWN: readonly (readonly [how: Combine, before: unknown, after: unknown])[] = [
  ['add', undefined, 1],
  ['max', undefined, 1],
  ['add', 1, 'a'],
  ['add', Number.NaN, 1],
  ['add', 2 ** 60, 1],
  ['add', day('01'), 1],
  ['add', true, 1],
  ['max', Number.NaN, 1],
  ['max', 'a', 'B'],
  ['min', '9', '10'],
  ['min', day('01'), 1],
  ['max', 2 ** 60, 2n ** 60n],
]
for (const [how, before, after] of UNKNOWN) {
  test(`${how} of ${String(before)} and ${String(after)} is for the database to say`, () => {
    assert.is(combine(how, before, after), IN_ORDER)
  })
}

test('rows of one key become one, columns that are kept those of the first', () => {
  const rows: Tally[] = [
    { id: 1, hits: 1, last: 5, first: 5, created: 'a', name: 'a' },
    { id: 1, hits: Number.MAX_SAFE_INTEGER, last: 7, first: 7, created: 'b' },
    { id: 1, hits: null, last: 6, first: 3, created: 'c', name: null },
  ]
  const merged = { id: 1, hits: 2n ** 53n, last: 7, first: 3, created: 'a', name: null, v: undefined }
  assert.equal(coalesce(tallies, rows), [[merged]])
})

test("rows of a clause of one's own go one after the other", () => {
  const own = { action: 'sql', keys: ['id'], sql: 'ON CONFLICT ({id}) DO NOTHING' } as const
  const table = defineTable<Tally>('tallies', { columns: ['id', 'hits'], onConflict: own })
  const rows = [1, 2, 1, 1].map((id, hits): Tally => ({ id, hits }))
  assert.equal(coalesce(table, rows), [[rows[0], rows[1]], [rows[2]], [rows[3]]])
})

test('a sum that only the database knows is written in order', () => {
  const rows = [1, 'x', 'y', 2, 3].map((hits): Tally => ({ id: 1, hits }))
  assert.equal(
    coalesce(tallies, rows).map(([row]) => (row as Tally).hits),
    [1, 'x', 'y', 2 + 3],
  )
})

test('with versions, what a row adds goes by itself: the stored row may be newer', () => {
  const rows = [1, 3, 2, 4].map((v): Tally => ({ id: 1, hits: v, v }))
  assert.equal(coalesce(versioned, rows), [[rows[0]], [rows[1]], [rows[3]]])
  const names = [1, 2].map((v): Tally => ({ id: 1, name: v, hits: null, v }))
  assert.is(coalesce(versioned, names).length, 1)
})

const number = fc.option(fc.integer({ min: -3, max: 9 }), { nil: null })
const row = fc
  .record({ hits: number, last: number, first: number, created: number, name: number, v: number }, { requiredKeys: [] })
  .map((fields): Tally => ({ id: 1, ...fields }))
const stored = fc.option(
  row.map((fields) => tally(tallies, [fields])),
  { nil: undefined },
)
const defaults = { hits: 100, last: 4, first: 4, created: 7, name: 8 }

test('writing what rows are merged to leaves what writing them one by one leaves', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Table<Tally>[]>(tallies, versioned),
      fc.array(row, { minLength: 1, maxLength: 6 }),
      stored,
      (table, rows, before) => {
        const merged = coalesce(table, rows).flat() as Tally[]
        assert.equal(tally(table, merged, before, defaults), tally(table, rows, before, defaults))
      },
    ),
    { numRuns: 5000 },
  )
})

test('sums are not repeated where nobody knows whether they were written, unless that may be, or versions tell', async () => {
  for (const [table, onAmbiguous, attempts] of [
    [tallies, 'fail', 1],
    [tallies, 'retry', 2],
    [versioned, 'fail', 2],
  ] as const) {
    const { flow, driver, clock } = rig({}, (executor) => executor.withRetry({ onAmbiguous, backoffBase: 1 }))
    const written = flow.write(table, { id: 1, hits: 1, v: 1 }).then(
      () => 'committed',
      (error) => error.ambiguous,
    )
    void flow.flush()
    driver.runs[0]!.fail(new AttemptError(new MemoryError('connection'), { ambiguous: true }))
    await settled()
    await clock.advance(10)
    driver.runs[1]?.succeed()
    assert.is(await written, attempts === 1 ? true : 'committed')
    assert.is(driver.runs.length, attempts)
  }
})

test.run()
