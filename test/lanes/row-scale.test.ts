import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RowScale } from '../../src/lanes/row-scale.ts'

const test = suite('row scale')

function weighAll(scale: RowScale, rows: readonly object[]): number {
  return rows.reduce((sum, row) => sum + scale.weigh(row), 0)
}

function texts(count: number, length: (index: number) => number): object[] {
  return Array.from({ length: count }, (_, index) => ({ text: 'x'.repeat(length(index)) }))
}

test('small rows are measured now and then, and weighed right all together', () => {
  let reads = 0
  const rows = Array.from({ length: 10_000 }, (_, i) => ({
    get text() {
      reads++
      return 'x'.repeat(i % 100)
    },
  }))
  const bytes = weighAll(new RowScale(['text']), rows)
  assert.ok(reads < 1000, `${reads} rows were measured`)
  const expected = 10_000 * (24 + 8 + 16 + 50)
  assert.ok(Math.abs(bytes - expected) < expected * 0.2, `${bytes} of ${expected} bytes`)
})

test('large rows are measured each', () => {
  const rows = texts(200, (index) => (index % 2 === 0 ? 20_000 : 100_000))
  const bytes = weighAll(new RowScale(['text']), rows)
  assert.is(bytes, 200 * (24 + 8 + 16) + 100 * 120_000)
})

test('where sizes jump, few rows pass before that is seen', () => {
  const scale = new RowScale(['text'])
  weighAll(
    scale,
    texts(10_000, () => 10),
  )
  const before = weighAll(
    scale,
    texts(300, () => 100_000),
  )
  assert.ok(before > 150 * 100_000, `${before} of 30,000,000 bytes`)
})

test('a large row here and there does not make all others weigh as much', () => {
  const scale = new RowScale(['text'])
  const rows = texts(100_000, (index) => (index % 1000 === 0 ? 1_000_000 : 52))
  const bytes = weighAll(scale, rows)
  assert.ok(bytes > 10e6 && bytes < 500e6, `${bytes} of 110,000,000 bytes`)
})

test('what is sent for a byte of memory is learned, and held within reason', () => {
  const scale = new RowScale(['text'])
  for (let i = 0; i < 30; i++) scale.learn(1000, 500)
  assert.ok(Math.abs(scale.learn(1000, 500) - 2) < 0.01)
  for (let i = 0; i < 50; i++) scale.learn(1000, 1)
  assert.is(scale.learn(1000, 1), 8)
})

test.run()
