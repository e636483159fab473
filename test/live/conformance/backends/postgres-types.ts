import type { TypeCase } from '../backend.ts'

const NOON = new Date('2024-02-29T12:00:00.123Z')

export const postgresTypes: readonly TypeCase[] = [
  { type: 'boolean', values: [true, false], refused: ['perhaps'] },
  { type: 'smallint', values: [0, -32768, 32767], refused: [32768, 1.5, 'one'] },
  { type: 'int4', values: [-5, { written: '7', read: 7 }], refused: ['x', Number.NaN] },
  {
    type: 'bigint',
    values: [Number.MAX_SAFE_INTEGER, { written: 12n, read: 12 }],
    refused: [2n ** 63n, Number.NaN, Number.POSITIVE_INFINITY],
  },
  {
    type: 'numeric(20,5)',
    values: [
      { written: '12345678901234.56789', read: '12345678901234.56789' },
      { written: 0.5, read: '0.50000' },
    ],
    refused: ['1e20', 'many'],
  },
  { type: 'real', values: [0.5, -1.25] },
  { type: 'double precision', values: [0.1, 1e300, Number.NaN, Number.NEGATIVE_INFINITY] },
  { type: 'text', values: ['', 'ünï 😀'], refused: ['a\0b'] },
  { type: 'varchar(3)', values: ['abc'], refused: ['abcd'] },
  {
    type: 'bytea',
    values: [Buffer.from([0, 255, 92, 39]), { written: new Uint8Array([1, 2]), read: Buffer.from([1, 2]) }],
  },
  { type: 'timestamptz', values: [NOON, new Date(0)], refused: ['yesterday once', new Date(Number.NaN)] },
  { type: 'date', values: [], refused: ['2023-02-29'] },
  { type: 'time', values: [{ written: '23:59:59.5', read: '23:59:59.5' }] },
  { type: 'uuid', values: ['6f1b8e0a-3c52-4d0e-9c57-0f5f2b8f9a11'], refused: ['6f1b'] },
  { type: 'json', values: [{ a: [1, null, 'x'] }, [1, 2]] },
  { type: 'jsonb', values: [{ a: { b: 'ü' } }] },
  { type: 'int4[]', values: [[1, 2, 3], []] },
  { type: 'text[]', values: [['a', 'b,c', '"', null]] },
  { type: 'inet', values: ['10.0.0.1'], refused: ['10.0.0'] },
]
