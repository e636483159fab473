import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  DecodeError,
  decodeMessage,
  encodeRow,
  encodeRows,
  overheadOf,
  textOf,
} from '../../src/consume/message-format.ts'
import { deletion, isDeletion } from '../../src/contract/deletion.ts'
import { InvalidRowError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'

const test = suite('message format')

const users = defineTable<Record<string, unknown>>('app.users', { columns: ['id', 'name', 'at', '__proto__'] })

test('the text is pinned: other languages write it, too', () => {
  const rows = [
    { id: 1n, name: 'é"', at: new Date(0), other: 'not of the table' },
    { id: 2, name: null, at: undefined },
  ]
  assert.is(
    encodeRows(users, rows),
    '{"v":1,"t":"app.users","r":[{"id":{"$bigint":"1"},"name":"é\\"","at":{"$date":"1970-01-01T00:00:00.000Z"}},{"id":2,"name":null}]}',
  )
})

test('a deletion is marked, and comes out as one; a row of a column that is called like the mark is a row', () => {
  const table = defineTable<Record<string, unknown>>('t', {
    columns: ['id', 'at', 'v'],
    onConflict: { action: 'update', keys: ['id', 'at'], newer: 'v' },
    deletes: true,
  })
  const gone = deletion({ id: 1n, at: new Date(0), v: 2 })
  const text = encodeRows(table, [{ id: 1 }, gone])
  assert.is(
    text,
    '{"v":1,"t":"t","r":[{"id":1},{"$delete":{"id":{"$bigint":"1"},"at":{"$date":"1970-01-01T00:00:00.000Z"},"v":2}}]}',
  )
  const [row, back] = decodeMessage({ body: text }).map((decoded) => decoded.row)
  assert.equal([isDeletion(row!), isDeletion(back!)], [false, true])
  assert.equal({ ...back }, { ...gone })
  const odd = defineTable<Record<string, unknown>>('t', {
    columns: ['$delete'],
    onConflict: { action: 'ignore', keys: ['$delete'] },
    deletes: true,
  })
  const rows = [{ $delete: { id: 1 } }, deletion({ $delete: 1 })]
  const again = decodeMessage({ body: encodeRows(odd, rows) }).map((decoded) => decoded.row)
  assert.equal(again.map(isDeletion), [false, true])
  assert.equal(
    again.map((one) => ({ ...one })),
    rows.map((one) => ({ ...one })),
  )
})

test('a deletion that its table does not take is put into no message, nor read from one that holds something else', () => {
  assert.throws(
    () => encodeRow(users, deletion({ id: 1 })),
    (error: unknown) => error instanceof InvalidRowError,
  )
  for (const inner of ['1', 'null', '[1]', '{"$map":[]}']) {
    const body = `{"v":1,"t":"t","r":[{"$delete":${inner}}]}`
    assert.throws(
      () => decodeMessage({ body }),
      (error: unknown) => error instanceof DecodeError,
    )
  }
})

test('what goes in comes out, whatever it is', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constant(null),
    fc.boolean(),
    fc.jsonValue(),
  )
  const columns = fc.uniqueArray(
    fc.oneof(fc.constantFrom('__proto__', 'constructor', '$bigint', '$', 'toJSON'), fc.string({ minLength: 1 })),
    { minLength: 1, maxLength: 5 },
  )
  fc.assert(
    fc.property(
      columns,
      fc.array(fc.array(value, { minLength: 5, maxLength: 5 }), { minLength: 1 }),
      (names, values) => {
        const usable = names.filter((name) => !name.includes('\0'))
        fc.pre(usable.length > 0)
        const table = defineTable<Record<string, unknown>>('t', { columns: usable })
        const rows = values.map((list) => {
          const row = {}
          for (const [i, name] of usable.entries()) {
            Object.defineProperty(row, name, { value: list[i], enumerable: true, configurable: true, writable: true })
          }
          return row as Record<string, unknown>
        })
        const back = decodeMessage({ body: encodeRows(table, rows) })
        assert.ok(
          isDeepStrictEqual(
            back,
            rows.map((row) => ({ table: 't', row })),
          ),
        )
      },
    ),
  )
})

test('bytes are read as well as text', () => {
  const body = encodeRows(users, [{ id: 1, name: 'é' }])
  assert.equal(decodeMessage({ body: Buffer.from(body) }), decodeMessage({ body }))
})

test('the sum of its parts is the size of a message', () => {
  const rows = [{ id: 1 }, { id: 2 }, { id: 3 }].map((row) => encodeRow(users, row))
  const bytes = rows.reduce((sum, row) => sum + Buffer.byteLength(row) + 1, overheadOf(users))
  assert.is(Buffer.byteLength(textOf(users, rows)) + 1, bytes)
})

test('a value that no text can hold is refused, by its column', () => {
  assert.throws(
    () => encodeRows(users, [{ id: () => 1 }]),
    (error: Error) =>
      error instanceof InvalidRowError &&
      error.message === 'column "id" of a row of table "app.users" cannot be put into a message: it holds a function',
  )
})

test('what is no message is refused, and not quoted', () => {
  const bodies: (string | Uint8Array)[] = ['', 'secret', '1', 'null', '[]', '{"v":1,"t":"x"}', '{"v":1,"t":1,"r":[]}']
  bodies.push('{"v":1,"t":"x","r":["secret"]}', '{"v":1,"t":"x","r":[{"$secret":1}]}', '{"v":1,"t":"x","r":[[1]]}')
  bodies.push(Buffer.from([0xff, 0xfe]), '{"v":1,"t":"x","r":[{"a":{"$bigint":"secret"}}]}')
  for (const body of bodies) {
    assert.throws(
      () => decodeMessage({ body }),
      (error: Error) =>
        error instanceof DecodeError && error.code === 'ERR_BATCHFLOW_DECODE' && !error.message.includes('secret'),
      String(body),
    )
  }
})

test('a later version says so', () => {
  assert.throws(() => decodeMessage({ body: '{"v":2,"t":"x","r":[]}' }), /version 2, this package reads 1/)
})

test.run()
