import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addExactly, plainText } from '../../src/support/decimal.ts'

const test = suite('exact sums')
const MAX = Number.MAX_SAFE_INTEGER

const SUMS: readonly (readonly [a: unknown, b: unknown, sum: unknown])[] = [
  [1, 2, 3],
  [MAX, 1, BigInt(MAX) + 1n],
  [-MAX, -1, -BigInt(MAX) - 1n],
  [BigInt(MAX) + 1n, -1, BigInt(MAX)],
  [2n ** 70n, 1, 2n ** 70n + 1n],
  [-0, -0, -0],
  [-0, 0, 0],
  [0.1, 0.2, 0.3],
  [0.5, -0.5, 0],
  [1, 0.25, 1.25],
  [1n, 0.25, 1.25],
  [4503599627370495.5, 0.25, '4503599627370495.75'],
  [MAX, 0.1, '9007199254740991.1'],
  ['0.1', '0.2', '0.3'],
  ['1.50', 2.5, '4'],
  ['-0.05', '0.01', '-0.04'],
  ['-1.5', '1.5', '0'],
  ['+1', '-0', '1'],
  ['0.10', '0.20', '0.3'],
  ['9007199254740993', 1, '9007199254740994'],
  ['00.5', 1n, '1.5'],
]
for (const [a, b, sum] of SUMS) {
  test(`${typeof a} ${String(a)} + ${typeof b} ${String(b)}`, () => {
    assert.ok(Object.is(addExactly(a, b), sum), `${String(addExactly(a, b))}`)
    assert.ok(Object.is(addExactly(b, a), sum))
  })
}

test('what is no decimal, or not known to its last digit, has no sum', () => {
  const others = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    1e21,
    1e-7,
    '',
    ' 1',
    '.5',
    '1.',
    '1e3',
    'a',
    '０',
    '9'.repeat(501),
  ]
  for (const other of [...others, true, null, undefined, {}, new Date(0)]) {
    assert.is(addExactly(other, 1), undefined, String(other))
    assert.is(addExactly(1n, other), undefined, String(other))
  }
})

test('sums are those of whole numbers of the last place', () => {
  const cents = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
  const decimal = (value: bigint) => {
    const digits = String(value < 0n ? -value : value).padStart(4, '0')
    return `${value < 0n ? '-' : ''}${digits.slice(0, -3)}.${digits.slice(-3)}`
  }
  fc.assert(
    fc.property(cents, cents, (a, b) => {
      const sum = String(addExactly(decimal(a), decimal(b)))
      const [whole = '', fraction = ''] = sum.split('.')
      assert.is(BigInt(whole + fraction.padEnd(3, '0')), a + b)
      assert.match(sum, /^(0|-?(0\.\d*[1-9]|[1-9]\d*(\.\d*[1-9])?))$/)
    }),
  )
})

test('numbers without an exponent', () => {
  assert.is(plainText(1e21), '1000000000000000000000')
  assert.is(plainText(-1.5e-7), '-0.00000015')
  assert.is(plainText(1.25e22), '12500000000000000000000')
  assert.is(plainText(0.1), '0.1')
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.is(Number(plainText(value)), value + 0)
      assert.match(plainText(value), /^-?\d+(\.\d+)?$/)
    }),
  )
})

test.run()
