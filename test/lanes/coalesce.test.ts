import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ConflictAction, defineTable, type Table } from '../../src/contract/table.ts'
import { keyReader, mergeOf } from '../../src/lanes/coalesce.ts'

const test = suite('coalescing')

interface Item {
  a: unknown
  b: unknown
  x?: number | null
  y?: number | null
  z?: number | null
}

function table(action: Exclude<ConflictAction, 'error'>, set?: ('x' | 'y' | 'z')[]): Table<Item> {
  const onConflict = { action, keys: ['a', 'b'], ...(set === undefined ? {} : { set }) }
  return defineTable<Item>('items', { columns: ['a', 'b', 'x', 'y', 'z'], onConflict: onConflict as never })
}

/** What a database does with one row after the other: the meaning that merging has to keep. */
function store(target: Table<Item>, rows: readonly Item[], before: Item | undefined): Item | undefined {
  let stored = before
  for (const row of rows) {
    if (stored === undefined) stored = { a: row.a, b: row.b, x: row.x ?? null, y: row.y ?? null, z: row.z ?? null }
    else if (target.action === 'replace')
      stored = { a: row.a, b: row.b, x: row.x ?? null, y: row.y ?? null, z: row.z ?? null }
    else if (target.action === 'update') {
      const changes = target.set.filter((column) => row[column as 'x'] !== undefined)
      stored = { ...stored, ...Object.fromEntries(changes.map((column) => [column, row[column as 'x']])) }
    }
  }
  return stored
}

const field = fc.option(fc.integer({ min: 0, max: 9 }), { nil: null })
const item = fc
  .record({ x: field, y: field, z: field }, { requiredKeys: [] })
  .map((fields) => ({ a: 1, b: 2, ...fields }))
const full = fc.record({ a: fc.constant(1), b: fc.constant(2), x: field, y: field, z: field })
const someTable = fc.constantFrom(
  table('ignore'),
  table('update'),
  table('update', ['x']),
  table('update', ['x', 'z']),
  table('replace'),
)

test('writing the merged row leaves what writing the rows one by one leaves', () => {
  fc.assert(
    fc.property(
      someTable,
      fc.array(item, { minLength: 1, maxLength: 6 }),
      fc.option(full, { nil: undefined }),
      (target, rows, before) => {
        const merged = rows.reduce((older, newer) => mergeOf(target)(older, newer) as never) as Item
        assert.equal(store(target, [merged], before), store(target, rows, before))
      },
    ),
    { numRuns: 2000 },
  )
})

test('merging changes no row it was given', () => {
  const older = Object.freeze({ a: 1, b: 2, x: 1, y: 1 })
  const newer = Object.freeze({ a: 1, b: 2, y: 2 })
  assert.equal(mergeOf(table('update'))(older, newer), { a: 1, b: 2, x: 1, y: 2, z: undefined })
})

test('a full newer row takes the place of the older one without a copy', () => {
  const newer = { a: 1, b: 2, x: 1, y: null, z: 3 }
  assert.is(mergeOf(table('update'))({ a: 1, b: 2 }, newer), newer)
})

const keyValue = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.bigInt(),
  fc.boolean(),
  fc.uint8Array({ maxLength: 4 }),
  fc.date({ noInvalidDate: true }),
)

test('different keys never read alike', () => {
  const read = keyReader(table('ignore'))
  const text = (value: unknown) => (value instanceof Uint8Array || value instanceof Date ? value : String(value))
  const same = (one: unknown, other: unknown) => {
    try {
      assert.equal(text(one), text(other))
      return true
    } catch {
      return false
    }
  }
  fc.assert(
    fc.property(fc.tuple(keyValue, keyValue), fc.tuple(keyValue, keyValue), ([a, b], [c, d]) => {
      assert.is(read({ a, b }) === read({ a: c, b: d }), same(a, c) && same(b, d))
    }),
    { numRuns: 2000 },
  )
})

test('bytes are one key in whatever view', () => {
  const read = keyReader(table('ignore'))
  const view = (first: number) => new DataView(Uint8Array.of(first, 2).buffer)
  assert.is(read({ a: view(1), b: 1 }), read({ a: Buffer.of(1, 2), b: 1 }))
  assert.is.not(read({ a: view(1), b: 1 }), read({ a: view(3), b: 1 }))
})

test('an object that hides its value is no key, as rows of different keys would merge', () => {
  class Hidden {
    readonly #id: number
    constructor(id: number) {
      this.#id = id
    }
    toPostgres() {
      return this.#id
    }
  }
  const read = keyReader(table('ignore'))
  for (const a of [new Hidden(1), new Map([[1, 2]]), Promise.resolve(1), new ArrayBuffer(2)]) {
    assert.throws(() => read({ a, b: 1 }), 'a conflict key is an object that JSON shows nothing of')
  }
  assert.is(read({ a: {}, b: 1 }), read({ a: {}, b: 1 }))
})

test('parts of a key do not run into each other', () => {
  const read = keyReader(table('ignore'))
  assert.is.not(read({ a: '1', b: '23' }), read({ a: '12', b: '3' }))
  assert.is.not(read({ a: '1:2', b: '' }), read({ a: '', b: '1:2' }))
})

test('a key with a NULL in it equals nothing', () => {
  const read = keyReader(table('ignore'))
  assert.is(read({ a: null, b: 1 }), undefined)
  assert.is(read({ a: 1 }), undefined)
})

test.run()
