import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sizeOf } from '../../src/support/size-of.ts'

const test = suite('sizeOf')

function size(value: unknown): number {
  return sizeOf({ value }, ['value'])
}

function isNear(actual: number, expected: number): void {
  assert.ok(actual > expected * 0.7 && actual < expected * 1.5, `${actual} bytes, about ${expected} expected`)
}

test('texts count by their characters, twice as much beyond Latin-1', () => {
  isNear(size('x'.repeat(100_000)), 100_000)
  isNear(size('批'.repeat(50_000)), 100_000)
  isNear(size(`${'x'.repeat(50_000)}批`), 100_000)
})

test('bytes count as they are', () => {
  isNear(size(Buffer.alloc(100_000)), 100_000)
  isNear(size(new Float64Array(10_000)), 80_000)
})

test('of large arrays and objects a few members stand for all', () => {
  isNear(size(Array.from({ length: 1000 }, () => 'x'.repeat(100))), 124_000)
  isNear(size(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key ${i}`, 'x'.repeat(100)]))), 132_000)
  isNear(size({ a: { b: [{ c: 'x'.repeat(100_000) }] } }), 100_000)
})

test('columns alone count, and small rows for little', () => {
  assert.ok(
    sizeOf({ id: 1, name: 'user 1', at: new Date(), note: null, rest: 'x'.repeat(1e6) }, ['id', 'name', 'at', 'note']) <
      200,
  )
})

test('what is circular, deep or unreadable is no trouble', () => {
  const circular: Record<string, unknown> = { text: 'x'.repeat(1000) }
  circular['self'] = circular
  assert.ok(size(circular) < 20_000)
  let deep: unknown = 'x'
  for (let i = 0; i < 100_000; i++) deep = [deep]
  assert.ok(size(deep) < 1000)
  const broken = {
    get value(): never {
      throw new Error('not loaded')
    },
  }
  assert.ok(sizeOf(broken, ['value']) > 0)
})

test.run()
