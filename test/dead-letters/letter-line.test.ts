import { isDeepStrictEqual } from 'node:util'
import { isDate, isMap, isSet } from 'node:util/types'
import vm from 'node:vm'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deletion, isDeletion } from '../../src/contract/deletion.ts'
import { RowFailedError } from '../../src/contract/errors.ts'
import { ambiguously, letterOf, lineOf, type StoredLetter } from '../../src/dead-letters/letter-line.ts'
import type { DeadLetter } from '../../src/flow/dead-letters.ts'

const test = suite('lines of dead letters')
const TIME = '2026-01-02T03:04:05.678Z'

function letter(row: object, more: Partial<DeadLetter> = {}): DeadLetter {
  const error = new RowFailedError('users', {
    reason: 'constraint',
    attempts: 2,
    cause: new Error('no'),
    databaseCode: '23514',
    fault: 'row',
    ambiguous: false,
  })
  return { table: 'users', row, error, ambiguous: false, ...more }
}

/** The row after a journey through a file. */
function backAgain(row: object): object {
  return (letterOf(lineOf(letter(row), TIME)) as StoredLetter).row
}

/** In Node 20 `isDeepStrictEqual` says that an invalid date equals none. */
function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(withoutInvalid(a), withoutInvalid(b))
}

function withoutInvalid(value: unknown): unknown {
  if (isDate(value)) return Number.isNaN(value.getTime()) ? 'an invalid date' : value
  if (Array.isArray(value)) return value.map(withoutInvalid)
  if (isMap(value)) return new Map(withoutInvalid([...value]) as [unknown, unknown][])
  if (isSet(value)) return new Set(withoutInvalid([...value]) as unknown[])
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const fields = Object.getOwnPropertyDescriptors(value)
  for (const field of Object.values(fields)) field.value = withoutInvalid(field.value)
  return Object.defineProperties({}, fields)
}

const keys = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'constructor', 'toJSON', '$', '$$', '$bigint', '$$date', '$undefined', '$set', 'length'),
)
const loneSurrogates = fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 })).map((codes) => String.fromCharCode(...codes))
const typed = fc.oneof(
  ...[fc.int8Array(), fc.uint8Array(), fc.uint8ClampedArray(), fc.int16Array(), fc.uint16Array(), fc.int32Array()],
  ...[fc.uint32Array(), fc.float32Array(), fc.float64Array(), fc.bigInt64Array(), fc.bigUint64Array()],
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.uint8Array().map((bytes) => new Uint8Array(bytes).buffer),
)
const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  loneSurrogates,
  fc.double(),
  fc.constantFrom(Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, null, undefined, true, false),
  fc.bigInt(),
  fc.date({ noInvalidDate: false }),
  typed,
)
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.array(tie('value')),
    fc.dictionary(keys, tie('value'), { noNullPrototype: true }),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((entries) => new Map(entries)),
    fc.array(tie('value')).map((items) => new Set(items)),
  ),
}))

test('every row comes back as it was', () => {
  const rows = fc.dictionary(keys, value, { noNullPrototype: true })
  fc.assert(
    fc.property(rows, (row) => {
      const line = lineOf(letter(row), TIME)
      assert.is(line.indexOf('\n'), line.length - 1, 'a letter is one line')
      assert.ok(isSame(backAgain(row), row))
      assert.equal(Object.keys(backAgain(row)), Object.keys(row))
    }),
    { numRuns: 150 },
  )
})

test('what is absent stays absent, and what is undefined undefined', () => {
  const row = backAgain({ here: undefined })
  assert.ok('here' in row)
  assert.not('there' in row)
})

test('the order of a view into other memory does not matter', () => {
  const memory = new Uint8Array([0, 1, 2, 3, 4, 5, 6, 7, 8])
  const row = { part: memory.subarray(3, 5), view: new DataView(memory.buffer, 1, 4), buffer: Buffer.from('pooled') }
  assert.ok(isSame(backAgain(row), { ...row, part: new Uint8Array([3, 4]) }))
})

test('values of another realm are kept like ours', () => {
  const row = vm.runInNewContext(
    '({ at: new Date(5), bytes: new Uint8Array([1]), map: new Map([[1, 2n]]), list: [1] })',
  )
  const same = { at: new Date(5), bytes: new Uint8Array([1]), map: new Map([[1, 2n]]), list: [1] }
  assert.ok(isSame(backAgain(row), same))
})

test('a row of a class is kept with what its class computes', () => {
  class Person {
    first = 'Ada'
    get name() {
      return `${this.first} L.`
    }
    greet() {}
  }
  assert.equal(backAgain(new Person()), { first: 'Ada', name: 'Ada L.' })
})

test('objects that know their JSON are kept as that, boxed values as what is in the box', () => {
  const price = { toJSON: () => '1.50' }
  assert.equal(backAgain({ price, count: Object(3n) }), { price: '1.50', count: 3n })
})

test('what no file can keep is named', () => {
  const circular: { self?: object } = {}
  circular.self = circular
  let deep: object = {}
  for (let i = 0; i < 10_000; i++) deep = { deep }
  const row = {
    id: 1,
    ...{ circular, deep, call: () => 1, mark: Symbol('s'), nested: { later: Promise.resolve() }, pattern: /x/ },
    get broken() {
      throw new Error('getter')
    },
  }
  Object.defineProperty(row, 'broken', { enumerable: true })
  const stored = letterOf(lineOf(letter(row), TIME)) as StoredLetter
  assert.equal(stored.row, { id: 1 })
  assert.equal(stored.missing, ['circular', 'deep', 'call', 'mark', 'nested', 'pattern', 'broken'])
})

test('a line tells why and when, and where to look', () => {
  const line = lineOf(letter({ id: 1n }, { ambiguous: true, traceId: 'trace', spanId: 'span' }), TIME)
  const { id, message, ...rest } = JSON.parse(line)
  assert.match(id, /^[0-9a-f-]{36}$/)
  assert.match(message, /row of table "users" failed after 2 attempts: constraint/)
  assert.equal(rest, {
    v: 1,
    time: TIME,
    table: 'users',
    reason: 'constraint',
    code: '23514',
    fault: 'row',
    ambiguous: true,
    attempts: 2,
    traceId: 'trace',
    spanId: 'span',
    row: { id: { $bigint: '1' } },
  })
})

test('a letter may become ambiguous without any other change', () => {
  const line = lineOf(letter({ ['__proto__']: -0, id: 1n }), TIME)
  const [before, after] = [JSON.parse(line), JSON.parse(ambiguously(line))]
  assert.ok(isSame(after, { ...before, ambiguous: true }))
})

test('half a line, another line and a newer line are told apart from letters', () => {
  const line = lineOf(letter({ id: 1 }), TIME).trimEnd()
  for (let end = 0; end < line.length; end++) assert.is(letterOf(line.slice(0, end)), 'torn')
  const others = ['null', '7', '[]', '{}', '{"v":0}', '{"v":1,"table":"t"}', '{"v":1,"table":"t","row":[]}']
  const strange = ['{"v":1,"table":"t","row":{"$date":"2026"}}', '{"v":1,"table":"t","row":{"a":{"$odd":1}}}', '\0\0\0']
  for (const other of [...others, ...strange]) assert.is(letterOf(other), 'torn', other)
  assert.is(letterOf('{"v":3}'), 'newer')
})

test('a deletion is one again; its line is for readers that know of deletions', () => {
  const gone = deletion({ id: 1n, v: new Date(0) })
  const line = lineOf(letter(gone), TIME)
  assert.is(JSON.parse(line).v, 2)
  assert.equal(JSON.parse(line).row, { $delete: { id: { $bigint: '1' }, v: { $date: '1970-01-01T00:00:00.000Z' } } })
  const back = backAgain(gone)
  assert.ok(isDeletion(back))
  assert.equal({ ...back }, { ...gone })
  assert.is(JSON.parse(lineOf(letter({ id: 1 }), TIME)).v, 1)
  assert.not.ok(isDeletion(backAgain({ $delete: { id: 1 } })))
  assert.is(letterOf(line.replace('"v":2', '"v":3')), 'newer')
})

test.run()
