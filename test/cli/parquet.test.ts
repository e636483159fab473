import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BEGINNING, type Entry, type Input, type Place } from '../../src/cli/input/entry.ts'
import { FilePrint, OtherFileError } from '../../src/cli/input/file-print.ts'
import { kindOfAll } from '../../src/cli/input/infer.ts'
import { openParquet } from '../../src/cli/input/parquet.ts'
import { PARSERS } from '../../src/cli/input/parquet-values.ts'
import { folder } from './command.ts'

const parquet = suite('cli parquet')

/** Written by hyparquet-writer: two row groups, Snappy; the columns are those of ROWS. */
const path = join(import.meta.dirname, 'files/types.parquet')
const input = await openParquet({ name: 'types.parquet', path })

const ROWS = [
  {
    id: 9007199254740993n,
    price: '12345678901234.5678',
    wide: '1234567890123456789012345678.9012345678',
    text: 'ä, "x"',
    flag: true,
    at: '2026-01-31T00:00:00.123456Z',
    local: '2026-01-31T00:00:00.123',
    day: '2026-01-31',
    bytes: Uint8Array.of(255, 0),
  },
  { id: null, price: '-0.0005', wide: null, text: null, flag: false, at: null, local: null, day: null, bytes: null },
  {
    id: -1n,
    price: null,
    wide: '-0.0000000001',
    text: '',
    flag: null,
    at: '1969-12-31T23:59:59.999999Z',
    local: '1970-01-01T00:00:00',
    day: '1969-12-31',
    bytes: Uint8Array.of(1),
  },
]

async function all(input: Input, from = BEGINNING): Promise<object[]> {
  const rows = []
  for await (const entries of input.read(from, {})) for (const entry of entries) rows.push(input.parse(entry))
  return rows
}

async function first(input: Input, from: Place, print: FilePrint): Promise<readonly Entry[]> {
  for await (const entries of input.read(from, { print })) return entries
  return []
}

parquet('values keep every digit, below a millisecond and beyond a double', async () => {
  assert.equal(input.fields, Object.keys(ROWS[0]!))
  assert.equal(await all(input), ROWS)
})

parquet('reading begins again behind each row, in the middle of a row group too', async () => {
  const entries = []
  for await (const some of input.read(BEGINNING, {})) entries.push(...some)
  for (const [i, entry] of entries.entries()) {
    assert.equal(await all(input, entry), ROWS.slice(i + 1))
  }
})

parquet('behind a row it goes on in the same file, and in no other', async () => {
  const print = new FilePrint()
  const entries = await first(input, BEGINNING, print)
  const from = { ...entries[0]!, print: print.at(entries[0]!.offset) }
  const behind = await first(input, from, new FilePrint())
  assert.is(behind[0]!.record, from.record + 1)
  const bytes = readFileSync(path)
  bytes[bytes.indexOf('hyparquet')]! ^= 1 // who wrote it
  const other = join(folder(), 'other.parquet')
  writeFileSync(other, bytes)
  try {
    await first(await openParquet({ name: 'other.parquet', path: other }), from, new FilePrint())
    assert.unreachable()
  } catch (error) {
    assert.instance(error, OtherFileError)
  }
})

parquet('times are exact also where a double would not hold them', () => {
  const { timestampFromMicroseconds: micros, timestampFromNanoseconds: nanos } = PARSERS
  assert.is(micros!(253402300799999999n), '9999-12-31T23:59:59.999999Z')
  assert.is(micros!(-62135596800000001n), '0000-12-31T23:59:59.999999Z')
  assert.is(nanos!(1769817600000000001n), '2026-01-31T00:00:00.000000001Z')
  assert.is(nanos!(-1n), '1969-12-31T23:59:59.999999999Z')
})

parquet('types for --create are those of the file', async () => {
  const rows = (await all(input)) as typeof ROWS
  const kinds = Object.keys(ROWS[0]!).map((name) => kindOfAll(rows.map((row) => row[name as 'id'])))
  assert.equal(kinds, ['integer', 'decimal', 'decimal', 'text', 'boolean', 'instant', 'timestamp', 'date', 'bytes'])
})

parquet.run()
