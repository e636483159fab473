import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PostgresDriver } from '../../src/drivers/postgres/driver.ts'
import { type AnyRow, failure, Scene, tableOf, write } from '../support/databases/postgres.ts'

/** Neither the process nor the session is in UTC, so that a mix-up of the two shows. */
process.env['TZ'] = 'America/New_York'
const scene = await Scene.open({ options: '-c timezone=Asia/Tokyo' })
const values = suite('values as pg stores them')
values.after(() => scene.close())

const UUID = '6f1b8e0a-3c52-4d0e-9c57-0f5f2b8f9a11'

class Point {
  readonly x = 1
  readonly y = 2
  toPostgres(): string {
    return `(${this.x},${this.y})`
  }
}

class Meters {
  readonly amount: number
  constructor(amount: number) {
    this.amount = amount
  }
  toPostgres(): number {
    return this.amount
  }
}

const BEFORE_CHRIST = new Date(-62_200_000_000_000)

const stamps: unknown[] = [
  new Date('2024-02-29T23:59:59.999Z'),
  new Date('2024-07-04T02:30:00.001Z'),
  new Date('2024-11-03T05:30:00Z'), // the hour New York has twice
  new Date('1969-12-31T23:59:59.999Z'),
  new Date('2300-01-01T00:00:00.007Z'),
  new Date('1975-01-01T00:00:00Z'),
  new Date(8.64e15),
  BEFORE_CHRIST,
  '2024-02-29T12:00:00Z',
  '2024-02-29 12:00:00.123456+05:30',
  '2024-02-29 12:00:00.5-08',
  '2024-02-29 12:00:00',
  '2024-06-01T12:00:00.000Z',
  '0001-01-01 00:00:00Z',
  '2024-01-01 00:00 Europe/Berlin',
  'January 8, 1999 04:05:06 PST',
  '2024-01-01 24:00:00',
  '2016-12-31 23:59:60Z',
  'infinity',
  '-infinity',
  '2023-02-29T00:00:00Z',
  '2024-13-01T00:00:00Z',
  '2024-01-01T00:00:00+99',
  'yesterday once',
  new Date(Number.NaN),
]

const texts: unknown[] = [
  '',
  'plain',
  ' spaces ',
  'tab\tnewline\nreturn\rbackslash\\',
  '\\N',
  '\\.',
  'NULL',
  `quotes " ' ""`,
  'Grüße, 你好, 👩‍👩‍👧 \u{10ffff}',
  'lone \ud800 surrogate',
  `${'x'.repeat(47)}é`,
  'long '.repeat(20_000),
  'nul \0 character',
  1.5,
  7n,
  true,
  { a: [1, { b: null }] },
  ['a', null, 'b"c\\d', ['x']],
  new Date('2024-07-04T02:30:00.001Z'),
  new Date(-62_200_000_000_000),
  Buffer.from('bytes of text'),
  new Point(),
]

/** Columns by type, and what to put into them. Values PostgreSQL refuses are here as well: then both must refuse. */
const CASES: Record<string, readonly unknown[]> = {
  boolean: [true, false, 'yes', 'f', 1, 0, 'maybe', Buffer.from([1])],
  smallint: [0, -1, 32767, -32768, 32768, 1.5, '12', ' 7 ', '+3', 5n, Number.NaN, 'x', Buffer.from([0, 9])],
  integer: [
    0,
    -0,
    2147483647,
    -2147483648,
    2147483648,
    4294967296,
    1e21,
    '0012',
    7n,
    2n ** 32n,
    true,
    0.5,
    new Meters(4),
  ],
  bigint: [0, -1, Number.MAX_SAFE_INTEGER, 2 ** 60, 2 ** 62, -(2 ** 63), 1e21, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n],
  'bigint not null': ['9223372036854775807', '-9223372036854775808', '9223372036854775808', '1e3', '0x10', '٣'],
  real: [
    0,
    -0,
    0.1,
    1 / 3,
    1e38,
    1e39,
    1e-40,
    1e-50,
    16777217,
    16777217.5,
    Number.NaN,
    -Infinity,
    '0.1',
    '-0',
    'inf',
    3n,
  ],
  'double precision': [
    0,
    -0,
    0.1,
    1 / 3,
    5e-324,
    1.7e308,
    Number.NaN,
    Infinity,
    '1e400',
    '0.30000000000000004',
    2n ** 70n,
  ],
  numeric: [0, -0, 1, -1.5, 0.1 + 0.2, 1e21, 1e-7, 1.5e-9, 123456789.1234, 99999999999.9999, Number.NaN, Infinity],
  'numeric not null': [
    '1.50',
    '-0.00',
    '+7',
    '.5',
    '5.',
    '1e5',
    '00012.3400',
    '9'.repeat(300),
    `0.${'0'.repeat(50)}1`,
    2n ** 100n,
    '١',
    ' 1 ',
    '',
  ],
  'numeric(6,2)': [1.005, 1.235, '1234.567', 9999.99, 10_000, '9999.999', -0.004],
  text: texts,
  'varchar(5)': ['abcde', 'abcdef', 'abcde   ', 'ééééé', 12345, 123456],
  'char(5)': ['ab', 'abcde', 'abcdef', ''],
  name: ['a name', 'x'.repeat(80)],
  '"char"': ['a', ''],
  json: [
    '{"b":1, "a":2}',
    'null',
    '"text"',
    { b: 1, a: [undefined, Number.NaN] },
    5,
    true,
    '{bad',
    new Point(),
    Buffer.from('[1]'),
  ],
  jsonb: [
    '{"b":1, "a":2}',
    { b: 1, a: ['ü', '\u0001', '\\N'] },
    1.5,
    '{bad',
    '"\\u0000"',
    { lone: '\ud800' },
    'null',
    false,
  ],
  uuid: [
    UUID,
    UUID.toUpperCase(),
    UUID.replaceAll('-', ''),
    `{${UUID}}`,
    'not a uuid',
    `${UUID}0`,
    Buffer.alloc(16, 7),
  ],
  bytea: [
    Buffer.from([0, 1, 255, 10, 92]),
    new Uint8Array([1, 2]),
    new Float64Array([1.5]),
    new DataView(new ArrayBuffer(3), 1),
    Buffer.alloc(0),
    '\\x00ff',
    'escape\\001format',
    '\\xzz',
    Buffer.from('abcdef').subarray(1, 3),
  ],
  timestamptz: stamps.filter((stamp) => stamp !== BEFORE_CHRIST),
  timestamp: stamps,
  'timestamp(0)': [new Date('2024-07-04T02:30:00.500Z'), '2024-07-04 02:30:00.4999'],
  date: [...stamps, '2024-02-29', '2023-02-29', '0044-03-15', '20240229', '2024-2-9', '44-03-15 BC', 'epoch'],
  time: [
    '12:34:56',
    '12:34:56.123456',
    '23:59:60',
    '24:00:00',
    '12:34',
    '4 PM',
    '25:00:00',
    new Date('2024-07-04T02:30:00.001Z'),
  ],
  timetz: ['12:34:56+02', '12:34:56'],
  interval: ['1 day 02:03:04', 'P1Y2M', 'nonsense'],
  inet: ['10.0.0.1/8', '::1', 'x'],
  point: [new Point(), '(3,4)'],
  int4range: ['[1,5)', 'empty'],
  'bit(3)': ['101', '10'],
  money: ['12.34', 5],
  xml: ['<a>&amp;</a>', '<a>'],
  tsvector: ["'a':1 'b':2"],
  mood: ['happy', 'so "so"', 'sad', 3],
  positive: [1, '2', 0, -1, 2147483648],
  'integer[]': [
    [],
    [1, null, 3],
    [
      [1, 2],
      [3, 4],
    ],
    [[1], [2, 3]],
    [[]],
    '{1,2}',
    '[0:1]={1,2}',
    [1.5],
    ['7'],
    [[[[[[[1]]]]]]],
    5,
  ],
  'text[]': [
    ['a', '', 'NULL', null, 'x,y', '{', 'q"\\', 'ü\n\t'],
    [true, 1.5, { a: 1 }, new Date(0)],
    ['nul\0'],
    [Buffer.from('ab')],
  ],
  'bytea[]': [[Buffer.from([0, 255]), null, new Uint8Array([1])], ['\\x01']],
  'jsonb[]': [[{ a: 1 }, '2', null, 'null'], ['{bad']],
  'numeric(5,1)[]': [[1.25, '2.35', null], [99999]],
  'timestamptz[]': [
    [new Date(0), '2024-01-01T00:00:00Z'],
    ['infinity', null],
  ],
  'timestamp[]': [[new Date('2024-07-04T02:30:00.001Z')]],
  'mood[]': [['happy', 'so "so"', null], ['none']],
  'positive[]': [[1, 2], [0]],
  positives: [[1, 2], [], [-1]],
  oid: [5, '4294967295', -1],
}

interface Method {
  readonly driver: PostgresDriver
  /** Set to something that has no binary form, it sends the whole batch as text. */
  readonly address: string | null
}

const methods: Record<string, Method> = {
  'binary COPY': { driver: scene.driver(), address: null },
  'text COPY': { driver: scene.driver(), address: '10.0.0.1' },
  'binary unnest': { driver: scene.driver({ appendMethod: 'insert' }), address: null },
  'text unnest': { driver: scene.driver({ appendMethod: 'insert' }), address: '10.0.0.1' },
  'COPY, unprepared': { driver: scene.driver({ prepare: false }), address: null },
}

values.before(async () => {
  await scene.sql(`CREATE TYPE mood AS ENUM ('happy', 'so "so"', 'sad')`)
  await scene.sql('CREATE DOMAIN small AS integer CHECK (VALUE < 100)')
  await scene.sql('CREATE DOMAIN positive AS small CHECK (VALUE > 0)')
  await scene.sql('CREATE DOMAIN positives AS positive[] CHECK (array_length(VALUE, 1) < 9)')
})

/** What `pg` stores for the value, as text, or that the database refuses it. */
async function expected(name: string, value: unknown): Promise<string | null> {
  await scene.sql(`DELETE FROM ${name}`)
  const accepted = await scene.sql(`INSERT INTO ${name} (v) VALUES ($1)`, [value]).then(
    () => true,
    () => false,
  )
  return accepted ? stored(name) : 'refused'
}

async function stored(name: string): Promise<string | null> {
  const rows = await scene.sql(`SELECT v::text AS v FROM ${name}`)
  assert.is(rows.length, 1)
  return rows[0]!['v'] as string | null
}

async function actual({ driver, address }: Method, name: string, value: unknown): Promise<string | null> {
  await scene.sql(`DELETE FROM ${name}`)
  const table = tableOf(name, ['v', 'address'])
  const row = { v: value, address }
  try {
    await write(driver, table, [row])
  } catch {
    const { reason } = await failure(driver, table, [row])
    assert.ok(reason === 'invalid_data' || reason === 'constraint', `refused because of ${reason}`)
    return 'refused'
  }
  return stored(name)
}

function show(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : String(JSON.stringify(value)).slice(0, 60)
}

/** Bytes are the binary form itself, which a batch that must go as text cannot carry. */
function fitsText(type: string, value: unknown): boolean {
  return !ArrayBuffer.isView(value) || ['text', 'json', 'bytea'].includes(type)
}

/** And an unnest of a type that has no binary form for us cannot either. */
function isTextual(method: string): boolean {
  return method.startsWith('text')
}

for (const [type, list] of Object.entries(CASES)) {
  values(type, async () => {
    const name = await scene.table(`v ${type}, address inet`)
    for (const value of [...list, ...(type.endsWith('not null') ? [] : [null, undefined])]) {
      const wanted = await expected(name, value)
      for (const [method, how] of Object.entries(methods)) {
        if (isTextual(method) && !fitsText(type, value)) continue
        assert.is(await actual(how, name, value), wanted, `${method} of ${show(value)}`)
      }
    }
  })
}

values('arrays and dates in json columns are JSON, which pg cannot send', async () => {
  const name = await scene.table('v jsonb, address inet')
  const date = new Date('2024-07-04T02:30:00.001Z')
  for (const [method, how] of Object.entries(methods)) {
    assert.is(await actual(how, name, [1, { a: [] }, null]), '[1, {"a": []}, null]', method)
    assert.is(await actual(how, name, date), '"2024-07-04T02:30:00.001Z"', method)
  }
})

values('an instant is exact also where local time was off by odd seconds, which pg rounds to minutes', async () => {
  const name = await scene.table('v timestamptz')
  await write(scene.driver(), tableOf(name, ['v']), [{ v: BEFORE_CHRIST }])
  assert.equal(await scene.sql(`SELECT extract(epoch FROM v)::bigint AS s FROM ${name}`), [{ s: '-62200000000' }])
})

/** Values of any size and kind, many to a batch. */
const PROPERTIES: Record<string, fc.Arbitrary<unknown>> = {
  text: fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: fc.constantFrom(...'\\\tN\n\r".{}') }),
  ),
  'text[]': fc.array(fc.option(fc.string({ unit: 'binary' })), { minLength: 1, maxLength: 20 }),
  jsonb: fc.object({ maxDepth: 3 }),
  numeric: fc.oneof(
    fc.double(),
    fc.bigInt(),
    fc.float(),
    fc.integer(),
    fc.integer().map((i) => i / 100),
    decimal(),
  ),
  bigint: fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.maxSafeInteger(), fc.maxSafeInteger().map(String)),
  real: fc.float(),
  'double precision': fc.double(),
  bytea: fc.uint8Array({ maxLength: 300 }),
  timestamptz: fc.date({ min: new Date('1972-02-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
  timestamp: fc.date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
  date: fc.date({ min: new Date('-004000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
  'integer[]': fc.oneof(
    fc.array(fc.option(fc.integer())),
    fc.array(fc.array(fc.integer(), { minLength: 2, maxLength: 2 })),
  ),
}

function decimal(): fc.Arbitrary<string> {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 40 })
  return fc.tuple(fc.constantFrom('', '-'), digits, digits).map(([sign, whole, rest]) => `${sign}${whole}.${rest}`)
}

for (const [type, value] of Object.entries(PROPERTIES)) {
  values(`any ${type}`, async () => {
    const name = await scene.table(`id integer, v ${type}, address inet`)
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 30 }), async (list) => {
        const clean = list.filter((item) => !JSON.stringify(item, bigintText)?.includes('\\u0000'))
        const wanted = await many(name, clean, (row) =>
          scene.sql(`INSERT INTO ${name} VALUES ($1, $2)`, [row['id'], row['v']]),
        )
        for (const [method, { driver, address }] of Object.entries(methods)) {
          const table = tableOf(name, ['id', 'v', 'address'])
          const found = await many(name, clean, undefined, (rows) =>
            write(
              driver,
              table,
              rows.map((row) => ({ ...row, address })),
            ),
          )
          assert.equal(found, wanted, method)
        }
      }),
      { numRuns: 8 },
    )
  })
}

function bigintText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

async function many(
  name: string,
  list: readonly unknown[],
  one: ((row: AnyRow) => Promise<unknown>) | undefined,
  all: (rows: AnyRow[]) => Promise<unknown> = async (rows) => {
    for (const row of rows) await one?.(row)
  },
): Promise<unknown[]> {
  await scene.sql(`DELETE FROM ${name}`)
  if (list.length > 0) await all(list.map((v, id) => ({ id, v })))
  return (await scene.sql(`SELECT v::text AS v FROM ${name} ORDER BY id`)).map((row) => row['v'])
}

values('bytes are the binary form of any type, known to us or not', async () => {
  const name = await scene.table('p point, a inet')
  const point = Buffer.alloc(16)
  point.writeDoubleBE(1.5, 0)
  point.writeDoubleBE(-2, 8)
  const row = { p: point, a: Buffer.from([2, 32, 0, 4, 10, 0, 0, 1]) }
  assert.is((await write(scene.driver(), tableOf(name, ['p', 'a']), [row])).name, 'COPY')
  assert.equal(await scene.sql(`SELECT p::text, a::text FROM ${name}`), [{ p: '(1.5,-2)', a: '10.0.0.1/32' }])
})

values('what is too long for a domain is refused, also where values travel as texts', async () => {
  await scene.sql('CREATE DOMAIN code AS varchar(3); CREATE DOMAIN codes AS varchar(3)[]; CREATE DOMAIN bits AS bit(3)')
  for (const [type, value] of Object.entries({ code: 'abcd', codes: ['abcd'], bits: '1011' })) {
    const name = await scene.table(`id int PRIMARY KEY, v ${type}`)
    const table = tableOf(name, ['id', 'v'], { action: 'update', keys: ['id'] })
    const { code } = await failure(scene.driver(), table, [{ id: '+1', v: value }])
    assert.match(code!, /^2200[01]$|^22026$/, type)
  }
})

values.run()
