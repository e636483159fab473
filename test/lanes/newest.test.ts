import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../src/contract/driver.ts'
import { defineTable, type Table } from '../../src/contract/table.ts'
import { coalesce } from '../../src/lanes/coalesce.ts'
import { compareVersions } from '../../src/lanes/newest.ts'
import { settled } from '../support/engine/clock.ts'
import { rig } from '../support/engine/flow.ts'
import { MemoryError } from '../support/engine/memory-driver.ts'
import { versioned } from '../support/engine/tables.ts'
import { type Item, isNewer, store } from '../support/newest-model.ts'

const test = suite('newest wins')

const day = (text: string) => new Date(`2026-01-${text}Z`)

const KNOWN: readonly (readonly [older: unknown, newer: unknown])[] = [
  [undefined, 0],
  [null, -1],
  [null, ''],
  [1, 2],
  [-2, -1.5],
  [1n, 2n],
  [2n ** 64n, 2n ** 64n + 1n],
  [1, 2n],
  [1n, 2],
  [day('01T10:00:00.001'), day('01T10:00:00.002')],
  ['100', '101'],
  ['2026-01-31', '2026-02-01'],
  ['2026-01-31T10:00:00.001Z', '2026-01-31T10:00:00.002Z'],
  ['2026-01-31 10:00:00', '2026-01-31 10:00:01'],
]

for (const [older, newer] of KNOWN) {
  test(`${String(older)} is older than ${String(newer)}`, () => {
    assert.is(Math.sign(compareVersions(older, newer)!), -1)
    assert.is(Math.sign(compareVersions(newer, older)!), 1)
    for (const version of [older, newer]) assert.is(compareVersions(version, version), 0)
  })
}

/** In some column they are ordered one way, in another one the other way. */
const UNKNOWN: readonly (readonly [a: unknown, b: unknown])[] = [
  ['9', '10'],
  ['a', 'B'],
  ['é', 'f'],
  ['2026-01-31T10:00:00+01:00', '2026-01-31T10:00:00+02:00'],
  ['2026-01-31T10:00:00.1Z', '2026-01-31T10:00:00.12'],
  ['31.01.2026', '01.02.2026'],
  [1, '2'],
  [new Date(1), 2],
  [Number.NaN, 1],
  [Number.POSITIVE_INFINITY, 1],
  [new Date(Number.NaN), new Date(1)],
  [1e23, 10n ** 23n],
  [true, false],
  [{ a: 1 }, { a: 2 }],
]

for (const [a, b] of UNKNOWN) {
  test(`which of ${String(a)} and ${String(b)} is the newer one is for the database to say`, () => {
    assert.is(compareVersions(a, b), undefined)
    assert.is(compareVersions(b, a), undefined)
  })
}

test('no versions are equal, and so are equal texts', () => {
  assert.is(compareVersions(undefined, null), 0)
  assert.is(compareVersions('a', 'a'), 0)
})

function table(action: 'update' | 'replace', set?: ('x' | 'y' | 'v')[]): Table<Item> {
  const onConflict = { action, keys: ['id'], newer: 'v', ...(set === undefined ? {} : { set }) }
  return defineTable<Item>('items', { columns: ['id', 'x', 'v', 'y'], onConflict: onConflict as never })
}

const someTable = fc.constantFrom(table('update'), table('update', ['x']), table('replace'))
const field = fc.option(fc.integer({ min: 0, max: 9 }), { nil: null })
/** A text has to be written as it comes: here it is ordered by its code units, after all numbers. */
const version = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 4 }) },
  fc.constantFrom(null, undefined, 3n, '', 'a', 'b'),
)
const item = fc
  .record({ x: field, y: field }, { requiredKeys: [] })
  .chain((fields) => version.map((v): Item => ({ id: 1, ...fields, ...(v === undefined ? {} : { v }) })))
const stored = fc.option(
  fc.record({ id: fc.constant(1), x: field, y: field, v: fc.option(fc.integer({ min: 0, max: 4 }), { nil: null }) }),
  { nil: undefined },
)

test('writing what rows are merged to leaves what writing them one by one leaves', () => {
  fc.assert(
    fc.property(someTable, fc.array(item, { minLength: 1, maxLength: 6 }), stored, (target, rows, before) => {
      const batches = coalesce(target, rows) as readonly (readonly Item[])[]
      for (const batch of batches) assert.is(batch.length, 1)
      assert.equal(store(target, batches.flat(), before), store(target, rows, before))
    }),
    { numRuns: 5000 },
  )
})

test('whole rows with versions that can be compared become one', () => {
  const rows = [1, 3, 2, 3].map((v, x): Item => ({ id: 1, x, y: x, v }))
  for (const target of [table('update'), table('replace')]) assert.equal(coalesce(target, rows), [[rows[1]]])
})

test('through a flow, whatever the batches, rows leave what writing them one by one leaves', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.integer({ min: 1, max: 3 }), item) },
    fc.constantFrom('flush', 'settle'),
  )
  await fc.assert(
    fc.asyncProperty(someTable, fc.array(step, { maxLength: 25 }), async (target, steps) => {
      const { flow, driver } = rig({ flushSize: 3, bufferSize: 100 })
      const rows: Item[] = []
      const contents = new Map<number, Item | undefined>()
      let superseded = 0
      let answered = 0
      /** The latest batch may well be the first to be answered. */
      const settle = async () => {
        const run = driver.runs[answered]
        if (run === undefined) return
        answered++
        let unchanged = 0
        for (const row of run.rows as Item[]) {
          const before = contents.get(row.id)
          if (before !== undefined && !isNewer(row.v, before.v)) unchanged++
          contents.set(row.id, store(target, [row], before))
        }
        superseded += unchanged
        run.succeed([], unchanged)
        await settled()
      }
      for (const what of steps) {
        if (what === 'settle') await settle()
        else if (what === 'flush') void flow.flush()
        else {
          const row = { ...what[1], id: what[0] }
          rows.push(row)
          await flow.submit(target, row)
        }
      }
      const closed = flow.close()
      await settled()
      while (answered < driver.runs.length) await settle()
      assert.is((await closed).committed, rows.length)
      for (const id of [1, 2, 3]) {
        const own = rows.filter((row) => row.id === id)
        assert.equal(contents.get(id), store(target, own, undefined))
      }
      assert.ok(flow.stats().superseded >= superseded)
    }),
    { numRuns: 1000 },
  )
})

test('a row that is not newer settles with the one it met, and is counted', async () => {
  const { flow, driver } = rig()
  const written = [3, 2, 3, 4].map((version) => flow.write(versioned, { id: 1, name: `${version}`, version }))
  void flow.flush()
  assert.equal(driver.runs[0]!.rows, [{ id: 1, name: '4', version: 4 }])
  driver.runs[0]!.succeed()
  assert.is(new Set(await Promise.all(written)).size, 1)
  assert.is(flow.stats().superseded, 2)
})

test('rows that fail are not superseded, nor those that an earlier attempt may have written', async () => {
  const { flow, driver, clock } = rig({}, (executor) => executor.withRetry({ maxAttempts: 2, backoffBase: 1 }))
  const failed = [2, 1].map((version) => flow.write(versioned, { id: 1, version }).catch(() => 'failed'))
  void flow.flush()
  driver.runs[0]!.succeed([{ index: 0, error: new Error('no') }])
  assert.equal(await Promise.all(failed), ['failed', 'failed'])
  assert.is(flow.stats().superseded, 0)
  const again = flow.write(versioned, { id: 1, version: 2 })
  void flow.flush()
  driver.runs[1]!.fail(new AttemptError(new MemoryError('connection'), { ambiguous: true }))
  await settled()
  await clock.advance(10)
  driver.runs[2]!.succeed([], 1)
  await again
  assert.is(flow.stats().superseded, 0)
})

test('a row that is newer and lacks a column goes by itself, after the one that has it', async () => {
  const { flow, driver } = rig()
  const rows = [
    { id: 1, name: 'a', version: 1 },
    { id: 1, email: 'b', version: 2 },
    { id: 1, name: 'c', version: 3 },
    { id: 1, name: 'late', version: 2 },
  ]
  for (const row of rows) await flow.submit(versioned, row)
  const flushed = flow.flush()
  for (const row of rows.slice(0, 3)) {
    const run = driver.runs.at(-1)!
    assert.equal(run.rows, [row])
    run.succeed()
    await settled()
  }
  await flushed
  assert.is(driver.runs.length, 3)
  assert.is(flow.stats().committed, 4)
})

test('rows that wait behind another one of their key make room like others', async () => {
  const { flow, driver } = rig({ flushSize: 2, bufferSize: 4, overflow: 'drop-oldest' }, (executor) =>
    executor.withConcurrencyLimit(1),
  )
  await flow.submit(versioned, { id: 9, version: 1 })
  await flow.submit(versioned, { id: 8, version: 1 })
  assert.is(driver.runs.length, 1)
  const partial = (version: number) => ({ id: 1, [version % 2 === 0 ? 'name' : 'email']: 'x', version })
  for (const version of [1, 2, 3, 4, 5]) await flow.submit(versioned, partial(version))
  const closed = flow.close()
  for (let at = 0; at < driver.runs.length; at++) {
    driver.runs[at]!.succeed()
    await settled()
  }
  const { committed, failed } = await closed
  assert.is(committed + failed, 7)
  assert.equal(
    driver.runs.slice(1).map(({ rows }) => rows),
    [[partial(4)], [partial(5)]],
  )
})

test.run()
