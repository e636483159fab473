import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError, type BatchInput } from '../../../src/contract/driver.ts'
import { defineTable, type Row } from '../../../src/contract/table.ts'
import { failuresOf, type Sieved, withoutUnencodable } from '../../../src/drivers/kit/sieve.ts'

const table = defineTable<{ id: number }>('t', { columns: ['id'] })
const batchOf = (ids: number[]): BatchInput => ({ table, columns: table.columns, rows: ids.map((id): Row => ({ id })) })
const idsOf = ({ rows }: BatchInput) => rows.map((row) => Reflect.get(row, 'id') as number)

/** Takes no negative number. */
function encode(batch: BatchInput, sieved?: Sieved) {
  const rowIndex = idsOf(batch).findIndex((id) => id < 0)
  if (rowIndex >= 0) throw new AttemptError(new Error('negative'), { rowIndex })
  return { ids: idsOf(batch), sieved }
}

test('a batch of which every row can be encoded is encoded once', () => {
  let singles = 0
  assert.equal(
    withoutUnencodable(batchOf([1, 2]), encode, () => singles++),
    { ids: [1, 2], sieved: undefined },
  )
  assert.is(singles, 0)
})

test('rows that cannot be encoded are left out, and keep their places', () => {
  const { ids, sieved } = withoutUnencodable(batchOf([1, -2, 3, -4, 5]), encode, (single) => encode(single))
  assert.equal(ids, [1, 3, 5])
  assert.ok(sieved)
  const failures = failuresOf(sieved, [{ index: 1, error: 'refused' }])
  assert.equal(
    failures.map(({ index }) => index),
    [1, 3, 2],
  )
  assert.is(failures[2]?.error, 'refused')
})

test('what is not the fault of a row, or of its only one, is thrown', () => {
  const fault = new AttemptError(new Error('too large'), {})
  const fail = () => {
    throw fault
  }
  for (const [batch, act] of [
    [batchOf([1, 2]), fail],
    [batchOf([-1]), encode],
  ] as const) {
    assert.throws(
      () => withoutUnencodable<unknown>(batch, act, encode),
      (error: unknown) => error instanceof AttemptError,
    )
  }
})

test('rows that can be encoded by themselves only are not lost', () => {
  assert.throws(
    () => withoutUnencodable(batchOf([1, -2]), encode, () => undefined),
    (error: unknown) => error instanceof AttemptError && error.rowIndex === 1,
  )
})

test.run()
