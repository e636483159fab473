import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Points, stacked } from '../../../src/prometheus/live/model/points.ts'

const test = suite('live page: points')

test('a line begins where it appears, and has a hole where nobody looked', () => {
  const points = new Points(2000)
  points.add(0, new Map([['a', 1]]))
  points.add(2000, new Map([['a', 2], ['b', 5]])) // biome-ignore format: pairs
  points.add(20_000, new Map([['a', 3]]))
  assert.equal(points.times, [0, 2000, 4000, 20_000])
  assert.equal(points.lines(undefined), [
    { label: 'a', values: [1, 2, null, 3] },
    { label: 'b', values: [null, 5, null, null] },
  ])
})

test('remembers ten minutes, and forgets lines without a value in them', () => {
  const points = new Points(2000)
  points.add(0, new Map([['gone', 1]]))
  for (let i = 1; i <= 300; i++) points.add(i * 2000, new Map([['a', i]]))
  assert.is(points.times.length, 300)
  assert.equal(
    points.lines(undefined).map(({ label, values }) => [label, values.length]),
    [['a', 300]],
  )
})

test('of more than eight lines the largest are shown, the rest as one', () => {
  const points = new Points(2000)
  points.add(0, new Map(Array.from({ length: 10 }, (_, i) => [`t${i}`, i])))
  assert.equal(
    points.lines('others').map(({ label, values }) => `${label} ${values}`),
    ['t3 3', 't4 4', 't5 5', 't6 6', 't7 7', 't8 8', 't9 9', 'others 3'],
  )
  assert.is(points.lines(undefined).length, 7, 'what cannot be summed is left out')
})

test('stacked lines stand on each other', () => {
  const lines = [
    { label: 'a', values: [1, null, 3] },
    { label: 'b', values: [10, 20, null] },
  ]
  assert.equal(
    stacked(lines).map(({ values }) => values),
    [
      [1, null, 3],
      [11, 20, null],
    ],
  )
})

test.run()
