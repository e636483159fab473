import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable, type Table } from '../../src/contract/table.ts'
import { shapesOf } from '../../src/executor/shapes.ts'

const test = suite('shapes')

interface Item {
  a: number
  b: number
  x?: number | null | undefined
  y?: number | null
  z?: number | null
}

function table(action: 'update' | 'replace'): Table<Item> {
  return defineTable<Item>('items', { columns: ['a', 'b', 'x', 'y', 'z'], onConflict: { action, keys: ['a', 'b'] } })
}

test('rows of an update are sorted by the columns they have', () => {
  const items = table('update')
  const rows = [
    { a: 1, b: 1, x: 1 },
    { a: 2, b: 1, x: 1, y: 2, z: 3 },
    { a: 3, b: 1, x: null },
    { a: 4, b: 1 },
  ]
  const found = shapesOf(items, rows)
  assert.equal(
    found.map(({ columns, indices }) => [columns, indices]),
    [
      [
        ['a', 'b', 'x'],
        [0, 2],
      ],
      [['a', 'b', 'x', 'y', 'z'], [1]],
      [['a', 'b'], [3]],
    ],
  )
  assert.is(shapesOf(items, rows)[0]!.columns, found[0]!.columns, 'drivers recognise a shape by its array')
})

test('absent columns that take their default stay out, whatever the action; one of a row at least is written', () => {
  const columns = ['a', 'b', 'x', 'y', 'z'] as const
  const items = defineTable<Partial<Item>>('items', { columns, absent: { a: 'default', x: 'default', y: 'default' } })
  const of = (...rows: Partial<Item>[]) =>
    shapesOf(items, rows).map(({ columns: found, rows: { length } }) => [found.join(''), length])
  assert.equal(of({ a: 1, x: 1, y: 1 }, { a: 1, x: null, y: 2, z: 3 }), [['abxyz', 2]])
  assert.equal(of({ a: 1 }, { a: 2, y: 1 }, { a: 1, x: undefined }, {}), [
    ['abz', 2],
    ['abyz', 1],
    ['bz', 1],
  ])
  const all = defineTable<Partial<Item>>('items', { columns, absent: 'default' })
  assert.equal(
    shapesOf(all, [{}]).map(({ columns: found }) => found),
    [['a']],
  )
})

test('a column that cannot be read counts as present', () => {
  const broken = {
    a: 1,
    b: 1,
    get x(): number {
      throw new Error('not loaded')
    },
  }
  const [shape] = shapesOf(table('update'), [broken])
  assert.equal(shape!.columns, ['a', 'b', 'x'])
})

test('no more shapes are remembered than a hostile caller should make us', () => {
  const columns = Array.from({ length: 11 }, (_, i) => `c${i}`)
  const wide = defineTable<Record<string, unknown>>('wide', {
    columns: ['id', ...columns],
    onConflict: { action: 'update', keys: ['id'] },
  })
  const rowOf = (bits: number) => Object.fromEntries(columns.map((column, i) => [column, (bits >> i) & 1 || undefined]))
  const first = shapesOf(wide, [rowOf(1)])[0]!.columns
  for (let bits = 2; bits < 2 ** 11; bits++) {
    const expected = ['id', ...columns.filter((_, i) => (bits >> i) & 1)]
    assert.equal(shapesOf(wide, [rowOf(bits)])[0]!.columns, expected)
  }
  assert.is.not(shapesOf(wide, [rowOf(1)])[0]!.columns, first, 'the first one was forgotten')
})

test('other actions have one shape: what is absent is NULL', () => {
  const rows = [{ a: 1, b: 1 }]
  assert.equal(shapesOf(table('replace'), rows), [{ columns: ['a', 'b', 'x', 'y', 'z'], rows, indices: undefined }])
})

test.run()
