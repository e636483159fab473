import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Flight, PORTION, readFlights } from '../../../examples/demo/flights.ts'

/** First row of the second row group. */
const SECOND_GROUP = 272_727

async function take(from: number, to: number): Promise<Flight[]> {
  const taken: Flight[] = []
  for await (const portion of readFlights(to)) taken.push(...portion)
  return taken.slice(from)
}

test('flights are those of the file, in order, across the border of two row groups', async () => {
  const source = new URL('../data/flights-3m.parquet', import.meta.resolve('vega-datasets')).pathname
  const [rowStart, rowEnd] = [SECOND_GROUP - 50, SECOND_GROUP + 50]
  const file = await asyncBufferFromFile(source)
  const raw = await parquetReadObjects({ file, compressors, rowStart, rowEnd })
  const expected = raw.map((row) => ({ ...row, delay: Number(row['delay']), distance: Number(row['distance']) }))
  const flights = await take(rowStart, rowEnd)
  assert.is(flights.length, 100)
  assert.equal(flights, expected)
})

test('the limit may be smaller than a row group, and zero', async () => {
  assert.is((await take(0, 3)).length, 3)
  assert.is((await take(0, 0)).length, 0)
})

test('a flight stays as it was when later row groups have been read', async () => {
  let kept: Flight[] | undefined
  for await (const portion of readFlights(2 * SECOND_GROUP + 1)) kept ??= portion
  assert.equal(kept, await take(0, PORTION))
})

test('portions are full, but for the last one of a row group', async () => {
  const sizes: number[] = []
  for await (const portion of readFlights(SECOND_GROUP + 150)) sizes.push(portion.length)
  const uneven = sizes.flatMap((size, i) => (size === PORTION ? [] : [[i, size]]))
  assert.equal(uneven, [
    [2_727, 27],
    [2_729, 50],
  ])
})

test.run()
