import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ColumnType } from '../../../src/drivers/postgres/describe.ts'
import { BUILT_IN, binaryWriter, writeUnusual } from '../../../src/drivers/postgres/encode.ts'
import { Writer } from '../../../src/drivers/postgres/writer.ts'

/** Whether the server understands it is for the live tests to say; here are the bytes, and what is left to the server. */
const encoding = suite('binary encoding')

function column(name: string, change: Partial<ColumnType> = {}): ColumnType {
  const found = [...BUILT_IN].find(([, builtIn]) => builtIn.name === name)
  return {
    sqlType: name,
    exactType: name,
    scalarOid: found?.[0] ?? 0,
    isEnum: false,
    elementOid: undefined,
    isIdentityAlways: false,
    ...change,
  }
}

/** The value without its length, in hexadecimal; null for NULL, undefined when it is left to the server. */
function encoded(type: ColumnType, value: unknown): string | null | undefined {
  const writer = new Writer(8)
  const write = binaryWriter(type)
  if (!write(writer, value) && !writeUnusual(writer, write, value)) return undefined
  const length = writer.bytes.readInt32BE(0)
  assert.is(writer.position, 4 + Math.max(0, length), 'length and bytes agree')
  return length === -1 ? null : writer.bytes.subarray(4, writer.position).toString('hex')
}

const BYTES: Record<string, readonly (readonly [unknown, string | null | undefined])[]> = {
  bool: [
    [true, '01'],
    [false, '00'],
    ['t', undefined],
    [1, undefined],
  ],
  int2: [
    [-2, 'fffe'],
    ['12', '000c'],
    [3n, '0003'],
    [32768, undefined],
    [1.5, undefined],
  ],
  int4: [
    [-2, 'fffffffe'],
    [-0, '00000000'],
    ['12', '0000000c'],
    [2 ** 31, undefined],
    [2n ** 40n, undefined],
    [' 1', undefined],
  ],
  int8: [
    [-1, 'ffffffffffffffff'],
    [2 ** 53 - 1, '001fffffffffffff'],
    [2 ** 62, '4000000000000060'],
    [2n ** 63n, undefined],
  ],
  float4: [
    [1.5, '3fc00000'],
    [-0, '00000000'],
    [1e39, undefined],
    [1e-50, undefined],
    [1 + 2 ** -24, undefined],
  ],
  float8: [
    [1.5, '3ff8000000000000'],
    [-0, '0000000000000000'],
    ['1.5', '3ff8000000000000'],
    ['-0', undefined],
    ['inf', undefined],
  ],
  numeric: [
    [0, '0000ffff00000000'],
    [12.5, '0002000000000001000c1388'],
    [-10_000, '000200014000000000010000'],
    ['1.50', '000200000000000200011388'],
    ['-0.05', '0001ffff4000000201f4'],
    ['-0.00', '0000ffff00000002'],
    ['0100', '00010000000000000064'],
    ['1e+2', '00010000000000000064'],
    ['-', undefined],
    ['1.2.3', undefined],
    [1e-7, '0001fffe00000007000a'],
    [Number.NaN, '00000000c0000000'],
    [Infinity, undefined],
    ['', undefined],
    ['1,5', undefined],
  ],
  text: [
    ['aé', '61c3a9'],
    [5, '35'],
    [{ a: 1 }, '7b2261223a317d'],
    [Buffer.from('x'), '78'],
    [{ toPostgres: () => null }, null],
  ],
  json: [
    [[1], '5b315d'],
    [new Date(0), Buffer.from('"1970-01-01T00:00:00.000Z"').toString('hex')],
    [{ toJSON: () => undefined }, null],
  ],
  jsonb: [
    ['{}', '017b7d'],
    [true, '0174727565'],
    [{ toJSON: () => undefined }, null],
  ],
  uuid: [
    ['6F1B8E0A-3c52-4d0e-9c57-0f5f2b8f9a11', '6f1b8e0a3c524d0e9c570f5f2b8f9a11'],
    ['6f1b8e0a3c524d0e9c570f5f2b8f9a11', undefined],
  ],
  bytea: [
    [new Uint8Array([1, 2]), '0102'],
    ['\\x01', undefined],
    [{ toPostgres: () => Buffer.from([7]) }, '07'],
  ],
  timestamptz: [
    [new Date('2000-01-01T00:00:00.001Z'), '00000000000003e8'],
    [new Date('1999-12-31T23:59:59.999Z'), 'fffffffffffffc18'],
    [new Date('2300-01-01T00:00:00Z'), Buffer.from(int8(9467107200n * 1_000_000n)).toString('hex')],
    ['2000-01-01T01:00:00.000001+01:00', '0000000000000001'],
    ['2000-01-01 00:00:00', undefined],
    ['2000-02-30 00:00:00Z', undefined],
    ['infinity', undefined],
  ],
  timestamp: [
    ['2000-01-01 00:00:00', '0000000000000000'],
    ['2000-01-01 00:00:00+05', '0000000000000000'],
  ],
  date: [
    ['2000-01-02', '00000001'],
    ['1999-12-31', 'ffffffff'],
    ['2000-02-30', undefined],
    ['0000-01-01', undefined],
  ],
  time: [
    ['00:00:01.5', '000000000016e360'],
    ['24:00:00', undefined],
  ],
}

function int8(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

for (const [type, cases] of Object.entries(BYTES)) {
  encoding(type, () => {
    for (const [value, bytes] of cases) assert.is(encoded(column(type), value), bytes, `${type} of ${String(value)}`)
  })
}

encoding('every built-in type is covered here', () => {
  const names = [...BUILT_IN.values()].map(({ name }) => name).filter((name) => !['bpchar', 'varchar'].includes(name))
  assert.equal(Object.keys(BYTES).sort(), names.sort())
})

encoding('any safe integer and any bigint are the int8 that Node writes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeInteger(), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)), (value) => {
      assert.is(encoded(column('int8'), value), int8(BigInt(value)).toString('hex'))
      assert.is(encoded(column('int8'), String(value)), int8(BigInt(value)).toString('hex'))
    }),
  )
})

encoding('any instant is its microseconds since 2000', () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => {
      const micros = (BigInt(date.getTime()) - 946_684_800_000n) * 1000n
      assert.is(encoded(column('timestamptz'), date), int8(micros).toString('hex'))
    }),
  )
})

encoding('any number is the numeric of its decimal notation', () => {
  const numbers = fc.oneof(
    fc.double({ noDefaultInfinity: true, noNaN: true }),
    fc.integer({ min: -1e9, max: 1e9 }).map((i) => i / 1e4),
  )
  fc.assert(fc.property(numbers, (value) => assert.is(decimalOf(encoded(column('numeric'), value)), plain(value))))
})

/** A number's own notation with the exponent written out. */
function plain(value: number): string {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value))!
  const shift = Number(exponent)
  const digits = `${'0'.repeat(400)}${whole}${fraction}${'0'.repeat(400)}`
  const point = 400 + whole!.length + shift
  const left = digits.slice(0, point).replace(/^0+(?=\d)/, '')
  const right = digits.slice(point, point + Math.max(0, fraction.length - shift))
  return `${value === 0 ? '' : sign}${left}${right === '' ? '' : `.${right}`}`
}

/** Reads the form back that numeric_recv in PostgreSQL reads. */
function decimalOf(hex: string | null | undefined): string {
  const bytes = Buffer.from(hex ?? '', 'hex')
  const [count, weight, sign, scale] = [
    bytes.readInt16BE(0),
    bytes.readInt16BE(2),
    bytes.readUInt16BE(4),
    bytes.readInt16BE(6),
  ]
  const group = (i: number) => String(i >= 0 && i < count ? bytes.readInt16BE(8 + i * 2) : 0).padStart(4, '0')
  let [left, right] = ['', '']
  for (let i = 0; i <= weight; i++) left += group(i)
  for (let i = weight + 1; right.length < scale; i++) right += group(i)
  return `${sign === 0x4000 ? '-' : ''}${left.replace(/^0+(?=\d)/, '') || '0'}${scale > 0 ? `.${right.slice(0, scale)}` : ''}`
}

encoding('arrays: one dimension, two, none, NULLs, and what is left to the server', () => {
  const type = column('int4', { elementOid: 23 })
  const int4 = (n: number) => `00000004${n.toString(16).padStart(8, '0')}`
  const head = (...sizes: number[]) =>
    [sizes.length, 0, 23, ...sizes.flatMap((size) => [size, 1])].map((n) => n.toString(16).padStart(8, '0')).join('')
  assert.is(encoded(type, [1, null, undefined]), `${head(3)}${int4(1)}ffffffffffffffff`)
  assert.is(
    encoded(type, [
      [1, 2],
      [3, 4],
    ]),
    `${head(2, 2)}${[1, 2, 3, 4].map(int4).join('')}`,
  )
  assert.is(encoded(type, []), head())
  for (const value of [[[1], [2, 3]], [[]], [1, [2]], [[1], null], [1.5], '{1}', [[[[[[[1]]]]]]], [Buffer.alloc(4)]]) {
    assert.is(encoded(type, value), undefined, JSON.stringify(value))
  }
})

encoding('types without a binary form of ours take bytes only, enums take their label', () => {
  assert.is(encoded(column('inet'), '10.0.0.1'), undefined)
  assert.is(encoded(column('inet'), Buffer.from([1])), '01')
  assert.is(encoded(column('mood', { isEnum: true }), 'ok'), '6f6b')
})

encoding.run()
