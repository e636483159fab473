import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { mergeOf } from '../../src/lanes/coalesce.ts'
import { fieldOf } from '../../src/support/field.ts'

const test = suite('fields of a row')

test('what every object inherits is no value', () => {
  const columns = [...Object.getOwnPropertyNames(Object.prototype), 'missing']
  for (const row of [{}, Object.create(null), new (class User {})()]) {
    for (const column of columns) assert.is(fieldOf(row, column), undefined, column)
  }
})

test('what is its own is one, whatever it is called', () => {
  const row: object = JSON.parse('{"constructor": 1, "__proto__": 2, "toString": "text", "valueOf": null}')
  assert.equal(
    ['constructor', '__proto__', 'toString', 'valueOf'].map((column) => fieldOf(row, column)),
    [1, 2, 'text', null],
  )
})

test('so is what its class declares', () => {
  class Point {
    get x(): number {
      return 7
    }

    y(): number {
      return 8
    }
  }
  assert.is(fieldOf(new Point(), 'x'), 7)
  assert.type(fieldOf(new Point(), 'y'), 'function', 'for the driver to refuse')
})

test('merging keeps a column called __proto__ a column', () => {
  const table = defineTable<Record<string, unknown>>('t', {
    columns: ['id', '__proto__', 'name'],
    onConflict: { action: 'update', keys: ['id'] },
  })
  const merged = mergeOf(table)(JSON.parse('{"id": 1, "__proto__": 2}'), { id: 1, name: 'a' }) as object
  assert.is(Object.getPrototypeOf(merged), Object.prototype)
  assert.equal(
    table.columns.map((column) => fieldOf(merged, column)),
    [1, 2, 'a'],
  )
})

test.run()
