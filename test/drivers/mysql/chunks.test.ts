import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../../src/contract/driver.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { chunksOf, type Limits } from '../../../src/drivers/mysql/chunks.ts'
import { datesIn } from '../../../src/drivers/mysql/dates.ts'
import { Sizes } from '../../../src/drivers/mysql/sizes.ts'
import { thrownBy } from '../../support/assertions.ts'

const dividing = suite('dividing a batch into statements')
const columns = ['id', 'body']
const table = defineTable<{ id: number; body: string }>('t', { columns: ['id', 'body'] })
const dates = datesIn('Z')
const ROOMY: Limits = { packet: 1 << 24, parameters: 65_535, dates }

const rowsOf = fc.array(fc.record({ id: fc.integer(), body: fc.string({ maxLength: 400 }) }), {
  minLength: 1,
  maxLength: 300,
})
const limitsOf = fc.record({
  packet: fc.integer({ min: 4000, max: 20_000 }),
  parameters: fc.integer({ min: 2, max: 200 }),
})

dividing('every row is in one statement, in order, and no statement exceeds a limit', () => {
  fc.assert(
    fc.property(rowsOf, limitsOf, (rows, limits) => {
      const chunks = chunksOf({ table, columns, rows }, { ...limits, dates }, new Sizes().split)
      assert.equal(
        chunks.flatMap((chunk) => chunk.bound()),
        rows.flatMap(({ id, body }) => [id, body]),
      )
      let first = 0
      for (const chunk of chunks) {
        assert.equal([chunk.first, chunk.width], [first, 2])
        assert.ok(chunk.rows * 2 <= limits.parameters)
        assert.ok(chunk.parameters(16, true).length <= limits.packet)
        first += chunk.rows
      }
    }),
  )
})

dividing('numbers that are not whole go as texts where the server would read later texts as such', () => {
  const rows = [0.5, -0, 1e-7, 1e21, 5].map((body) => ({ id: 1, body }))
  const [chunk] = chunksOf({ table, columns, rows }, { ...ROOMY, asTexts: true }, () => [rows.length])
  const sent = chunk!.parameters(0, false)
  for (const text of ['0.5', '-0', '0.0000001', '1e21']) assert.ok(sent.includes(text), text)
  assert.not.ok(
    chunksOf({ table, columns, rows }, ROOMY, () => [rows.length])[0]!
      .parameters(0, false)
      .includes('0.5'),
  )
})

dividing('row counts are powers of two, largest first, and a count that comes again has a statement of its own', () => {
  const { split } = new Sizes()
  assert.equal(split(500), [256, 128, 64, 32, 16, 4])
  assert.equal(split(500), [500])
  assert.equal(split(7), [4, 2, 1])
  for (const rows of [3, 5, 6, 9]) split(rows)
  assert.equal(
    [3, 5, 6, 9].map((rows) => split(rows).length),
    [1, 1, 1, 2],
    'four of them at most',
  )
})

dividing('the number of different counts stays small', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5000 }), { maxLength: 500 }), (counts) => {
      const { split } = new Sizes()
      const different = new Set(counts.flatMap((rows) => split(rows)))
      assert.ok(different.size <= 13 + 4)
      for (const rows of counts)
        assert.is(
          split(rows).reduce((sum, part) => sum + part),
          rows,
        )
    }),
  )
})

dividing('a value that cannot be encoded names its row and column, and never itself', async () => {
  const circular: { self?: unknown } = {}
  circular.self = circular
  for (const body of [Number.NaN, Symbol('secret'), circular, new Date(Number.NaN), () => 'secret']) {
    const rows = [{ id: 1 }, { id: 2, body }]
    const error = await thrownBy(() => chunksOf({ table, columns, rows }, ROOMY, new Sizes().split))
    assert.ok(error instanceof AttemptError)
    assert.is(error.rowIndex, 1)
    assert.match((error.cause as Error).message, /^value of column "body" cannot be encoded: /)
    assert.not.match((error.cause as Error).message, /secret|self/)
  }
})

dividing('a row larger than a packet is named', async () => {
  const rows = [
    { id: 1, body: 'x' },
    { id: 2, body: 'ü'.repeat(2500) },
  ]
  const divide = (packet: number) =>
    chunksOf({ table, columns, rows }, { packet, parameters: 100, dates }, new Sizes().split)
  assert.is(((await thrownBy(() => divide(5000))) as AttemptError).rowIndex, 1)
  assert.is(divide(8000).length, 1, 'it is measured in bytes, not at three for each unit')
})

dividing.run()
