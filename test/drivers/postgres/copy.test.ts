import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../../src/contract/driver.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { classify } from '../../../src/drivers/postgres/classify.ts'
import { planCopy } from '../../../src/drivers/postgres/copy.ts'
import type { ColumnType } from '../../../src/drivers/postgres/describe.ts'
import { Form } from '../../../src/drivers/postgres/form.ts'
import { planInsert } from '../../../src/drivers/postgres/insert.ts'
import { WriterPool } from '../../../src/drivers/postgres/writer.ts'

const copying = suite('messages of a batch')
const table = defineTable<{ id: number; body: string }>('t', { columns: ['id', 'body'] })
const type = (scalarOid: number): ColumnType => ({
  sqlType: 'x',
  exactType: 'x',
  scalarOid,
  isEnum: false,
  elementOid: undefined,
  isIdentityAlways: false,
})
const columns = new Map([
  ['id', type(23)],
  ['body', type(25)],
])

function form(named = true): Form {
  return new Form(
    { table, columns: table.columns },
    { copyable: true, version: '42', columns },
    { named, zone: 'local' },
  )
}

function batch(rows: readonly object[]) {
  return { table, columns: table.columns, rows }
}

/** The messages by kind; throws when the lengths do not lead from one to the next and to the end. */
function messages(bytes: Uint8Array): { kind: string; body: Buffer }[] {
  const all = Buffer.from(bytes)
  const found = []
  for (let at = 0; at < all.length; ) {
    const end = at + 1 + all.readInt32BE(at + 1)
    assert.ok(end <= all.length)
    found.push({ kind: String.fromCharCode(all[at]!), body: all.subarray(at + 5, end) })
    at = end
  }
  return found
}

const kinds = (bytes: Uint8Array): string =>
  messages(bytes)
    .map(({ kind }) => kind)
    .join('')

copying('COPY: prepared with its check, as one query without names, in text as well', () => {
  const rows = [{ id: 1, body: 'x' }]
  const prepared = planCopy(batch(rows), form(), new WriterPool())
  assert.is(kinds(prepared.hold()), 'BEdcBES')
  assert.is(prepared.preparations.length, 2)
  const unnamed = planCopy(batch(rows), form(false), new WriterPool())
  assert.is(kinds(unnamed.hold()), 'Qdc')
  assert.match(messages(unnamed.hold())[0]!.body.toString(), /^COPY .*; SELECT 1 \/ .* = 42\)::int\0$/)
  const text = planCopy(batch([{ id: '1.0', body: 'a\tb\\\n' }, {}]), form(), new WriterPool())
  assert.is(kinds(text.hold()), 'BEdcBES')
  assert.is(messages(text.hold())[2]!.body.toString(), '1.0\ta\\tb\\\\\\n\n\\N\t\\N\n')
})

copying('COPY: binary rows, exactly', () => {
  const payload = planCopy(batch([{ id: 1, body: 'é' }, { body: null }]), form(), new WriterPool())
  const data = messages(payload.hold())[2]!.body
  assert.is(data.subarray(0, 19).toString('latin1'), 'PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0')
  const rows = ['0002 00000004 00000001 00000002 c3a9', '0002 ffffffff ffffffff', 'ffff']
  assert.is(data.subarray(19).toString('hex'), rows.join('').replaceAll(' ', ''))
})

copying('COPY: many rows go in several messages, cut between rows, none much longer than the limit', () => {
  const rows = Array.from({ length: 10_000 }, (_, id) => ({ id, body: 'x'.repeat(100) }))
  const parts = messages(planCopy(batch(rows), form(), new WriterPool()).hold()).filter(({ kind }) => kind === 'd')
  assert.is(parts.length, 5)
  for (const { body } of parts) assert.ok(body.length < 257 * 1024)
  const rowLength = 2 + 8 + 104
  assert.is(
    parts.reduce((sum, { body }) => sum + body.length, 0),
    19 + rows.length * rowLength + 2,
  )
  for (const { body } of parts.slice(1, -1)) assert.is(body.length % rowLength, 0)
})

copying('INSERT: bind, execute, the check, sync', () => {
  const payload = planInsert(batch([{ id: 1, body: 'x' }, {}]), form(), new WriterPool())
  assert.is(kinds(payload.hold()), 'BEBES')
  assert.is(kinds(planInsert(batch([{ id: 1 }]), form(false), new WriterPool()).hold()), 'BECPBES')
  const name = payload.preparations[0]!.name
  assert.match(name, /^batchflow_[0-9a-f]{32}$/)
  assert.ok(name.length < 64, 'longer names are cut by the server')
  assert.is(planInsert(batch([{ id: 5 }]), form(), new WriterPool()).preparations[0]!.name, name)
})

copying('INSERT: a batch too large for one message names no row, so that it is split; a row alone is sent', () => {
  const rows = [1, 2, 3].map((id) => ({ id, body: 'x'.repeat(1000) }))
  const pool = new WriterPool()
  try {
    planInsert(batch(rows), form(), pool, 2000)
    assert.unreachable()
  } catch (error) {
    assert.ok(error instanceof AttemptError)
    assert.is(error.rowIndex, undefined)
    assert.equal(classify(error.cause), { reason: 'invalid_data' })
  }
  assert.is(kinds(planInsert(batch(rows.slice(0, 1)), form(), pool, 100).hold()), 'BEBES')
})

copying('a bad value is pinned on its row and column, and the writer is free again', () => {
  const pool = new WriterPool()
  const writer = pool.take()
  pool.give(writer)
  for (const plan of [planCopy, planInsert]) {
    try {
      plan(batch([{}, {}, { body: '\0' }]), form(), pool)
      assert.unreachable()
    } catch (error) {
      assert.ok(error instanceof AttemptError)
      assert.equal([error.rowIndex, error.ambiguous], [2, false])
      assert.is(
        (error.cause as Error).message,
        'value of column "body" cannot be encoded: text must not contain a NUL character',
      )
    }
    assert.is(pool.take(), writer)
    pool.give(writer)
  }
})

copying.run()
