import type { TypeCase } from '../backend.ts'

const NOON = new Date('2024-02-29T12:00:00.123Z')
const BYTES = Buffer.from([0, 255, 92, 39, 34])
/** MariaDB's JSON is text with a CHECK, MySQL's a type that puts keys in an order of its own. */
const PARSED = { a: 'ü' }

export const mysqlTypes: readonly TypeCase[] = [
  {
    type: 'boolean',
    values: [
      { written: true, read: 1 },
      { written: false, read: 0 },
    ],
  },
  { type: 'smallint', values: [0, -32768, 32767], refused: [32768, 'one', Number.NaN] },
  { type: 'int unsigned', values: [0, 4294967295], refused: [-1, 4294967296] },
  {
    type: 'bigint',
    values: [Number.MAX_SAFE_INTEGER, { written: 12n, read: 12 }, { written: '-7', read: -7 }],
    refused: [2n ** 63n, Number.NaN, Number.POSITIVE_INFINITY, 'x'],
  },
  {
    type: 'bigint unsigned',
    values: [{ written: 2n ** 64n - 1n, read: '18446744073709551615' }],
    refused: [2n ** 64n],
  },
  {
    type: 'decimal(20,5)',
    values: [
      { written: '123456789012345.67890', read: '123456789012345.67890' },
      { written: 0.5, read: '0.50000' },
    ],
    refused: ['1e20', 'many'],
  },
  { type: 'float', values: [0.5, -1.25] },
  { type: 'double', values: [0.1, 1e300, -0.25], refused: [Number.NEGATIVE_INFINITY, 'x'] },
  { type: 'varchar(3)', values: ['abc', 'ü😀'], refused: ['abcd'] },
  { type: 'char(3)', values: ['abc'], refused: ['abcd'] },
  { type: 'longtext', values: ['', 'ünï 😀', 'a\0b', '\\', "'"] },
  { type: "enum('a', 'b')", values: ['a', 'b'], refused: ['c'] },
  { type: "set('a', 'b')", values: ['a', 'a,b'], refused: ['a,c'] },
  {
    type: 'varbinary(5)',
    values: [BYTES, { written: new Uint8Array([1, 2]), read: Buffer.from([1, 2]) }],
    refused: [Buffer.alloc(6)],
  },
  { type: 'blob', values: [BYTES, { written: new Uint16Array([1]), read: Buffer.from([1, 0]) }] },
  { type: 'date', values: [{ written: '2024-02-29', read: new Date('2024-02-29') }], refused: ['2023-02-29', 'soon'] },
  { type: 'time(1)', values: [{ written: '23:59:59.5', read: '23:59:59.5' }] },
  { type: 'datetime(3)', values: [NOON, new Date(0)], refused: ['yesterday', new Date(Number.NaN)] },
  { type: 'timestamp(3)', values: [NOON], refused: ['yesterday'] },
  { type: 'year', values: [2024], refused: [1800] },
  {
    type: 'json',
    values: [
      { written: PARSED, read: PARSED },
      { written: [1, null], read: [1, null] },
      { written: '{"a":1}', read: { a: 1 } },
    ],
  },
  { type: 'bit(8)', values: [{ written: 5, read: Buffer.from([5]) }] },
]
