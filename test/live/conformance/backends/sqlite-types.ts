import type { TypeCase } from '../backend.ts'

const NOON = new Date('2024-02-29T12:00:00.123Z')
const BYTES = Buffer.from([0, 255, 92, 39, 34])

export const sqliteTypes: readonly TypeCase[] = [
  {
    type: 'boolean',
    values: [
      { written: true, read: 1 },
      { written: false, read: 0 },
    ],
  },
  {
    type: 'int',
    values: [0, -5, Number.MAX_SAFE_INTEGER, { written: 12n, read: 12 }, { written: '7', read: 7 }, 1.5],
    refused: [2n ** 63n, Number.NaN],
  },
  { type: 'real', values: [0.1, -0.25, 1e300, { written: 3, read: 3 }], refused: [Number.NaN] },
  { type: 'numeric', values: [0.5, { written: '12.50', read: 12.5 }] },
  {
    type: 'text',
    values: ['', 'ünï 😀', '\\', "'", { written: 5, read: '5' }, { written: 2 ** 40, read: '1099511627776' }],
    refused: ['a\0b', Symbol('x'), () => 1],
  },
  {
    type: 'blob',
    values: [
      BYTES,
      { written: new Uint8Array([1, 2]), read: Buffer.from([1, 2]) },
      { written: new Uint16Array([1]), read: Buffer.from([1, 0]) },
      'text all the same',
    ],
  },
  { type: 'datetime text', values: [{ written: NOON, read: NOON.toISOString() }], refused: [new Date(Number.NaN)] },
  {
    type: 'json text',
    values: [
      { written: { a: [1, null, 'ü'] }, read: '{"a":[1,null,"ü"]}' },
      { written: [1, 2], read: '[1,2]' },
    ],
    refused: [{ toJSON: () => undefined }],
  },
  { type: 'any_affinity', values: [1.5] },
  { type: 'text CHECK (length(value) < 4)', values: ['abc'] },
]
