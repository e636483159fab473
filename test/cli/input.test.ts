import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { parse as oracle } from 'csv-parse/sync'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openCsv } from '../../src/cli/input/csv.ts'
import {
  BEGINNING,
  comparePositions,
  type Entry,
  type Input,
  placeOf,
  positionOf,
  RecordError,
} from '../../src/cli/input/entry.ts'
import { kindOfAll } from '../../src/cli/input/infer.ts'
import { convert } from '../../src/cli/input/kinds.ts'
import { readRecords } from '../../src/cli/input/lines.ts'
import { openNdjson } from '../../src/cli/input/ndjson.ts'
import { Pipe } from '../../src/cli/input/pipe.ts'
import { exactJson, NOTHING, parseJson } from '../../src/cli/input/values.ts'
import { folder } from './command.ts'

const input = suite('cli input')
const place = folder()

function fileOf(name: string, text: string): { name: string; path: string } {
  const path = join(place, name)
  writeFileSync(path, text)
  return { name, path }
}

async function all(input: Input, from = BEGINNING): Promise<unknown[]> {
  const rows: unknown[] = []
  for await (const entries of input.read(from, {})) {
    for (const entry of entries) rows.push(Object.values(input.parse(entry)))
  }
  return rows
}

const CASES: readonly [what: string, text: string][] = [
  ['quotes, delimiters and line breaks in quotes', 'a,b\n"x, ""y""","two\nlines"\n1,2\n'],
  ['CRLF, a byte order mark, no line feed at the end', '\ufeffa,b\r\n1,"2\r\n3"\r\n4,5'],
  ['empty lines and text that is not ASCII', 'a,b\n\nä,"ß€"\n\n😀,x\n'],
]

for (const [what, text] of CASES) {
  input(`CSV is read as csv-parse reads it: ${what}`, async () => {
    const [, ...expected] = oracle(text, { bom: true, skip_empty_lines: true })
    assert.equal(await all(await openCsv(fileOf('a.csv', text), { delimiter: ',' })), expected)
  })
}

/** A file that comes in these pieces. */
async function readIn(pieces: readonly Buffer[], from = BEGINNING): Promise<Entry[]> {
  const pipe = new Pipe(Readable.from(pieces) as unknown as NodeJS.ReadStream)
  const entries: Entry[] = []
  for await (const some of readRecords({ name: 'pipe', path: '-', pipe }, ',', from, {})) entries.push(...some)
  return entries
}

const field = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'ß', '€', '😀', ' '), maxLength: 4 }),
  fc.string({ unit: fc.constantFrom('x', '""', '\n', '\r\n', ',', 'é'), maxLength: 6 }).map((text) => `"${text}"`),
)
const lines = fc.array(fc.tuple(fc.array(field, { minLength: 1, maxLength: 3 }), fc.constantFrom('\n', '\r\n', '\n\n')))
const text = fc.tuple(lines, field).map(([some, last]) => some.map(([f, end]) => f.join(',') + end).join('') + last)

input('records are the same wherever a text is cut, and behind each of them', async () => {
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(200), { maxLength: 5 }), fc.nat(20), async (text, cuts, start) => {
      const bytes = Buffer.from(text)
      const whole = await readIn([bytes])
      const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
      const pieces = edges.slice(1).map((end, i) => bytes.subarray(edges[i], end))
      assert.equal(await readIn(pieces), whole)
      for (const { offset, text: body } of whole) {
        assert.ok(bytes.toString('utf8', 0, offset).trimEnd().endsWith(body.trimEnd()), 'its place is behind it')
      }
      const from = whole[start % Math.max(1, whole.length)] ?? BEGINNING
      assert.equal(await readIn(pieces, from), whole.slice(from.record))
    }),
    { numRuns: 300 },
  )
})

input('an empty field is nothing, a quoted one a text', async () => {
  const csv = await openCsv(fileOf('b.csv', 'a,b\n,""\n'), { delimiter: ',' })
  assert.equal(await all(csv), [[NOTHING, '']])
})

input('a quote inside a field takes no other line along', async () => {
  const text = 'a,b\n1,5" nail\n2,"x ""y"\n3,6" nail\n"4\n","5"\n'
  const csv = await openCsv(fileOf('f.csv', text), { delimiter: ',' })
  const read: unknown[] = []
  for await (const entries of csv.read(BEGINNING, {})) {
    for (const entry of entries) {
      try {
        read.push(Object.values(csv.parse(entry)))
      } catch {
        read.push(entry.firstLine)
      }
    }
  }
  assert.equal(read, [2, ['2', 'x "y'], 4, ['4\n', '5']])
})

input('a line of blanks, and one of tabs, is a record of a CSV file', async () => {
  assert.equal(await all(await openCsv(fileOf('g.csv', 'a\n  \n\r\n\n'), { delimiter: ',' })), [['  ']])
  assert.equal(await all(await openCsv(fileOf('g.tsv', 'a\tb\n\t\n'), { delimiter: '\t' })), [[NOTHING, NOTHING]])
})

input('records are where they say: reading begins again behind each of them', async () => {
  const csv = await openCsv(fileOf('c.csv', 'a,b\n1,"x\ny"\n2,ü\r\n3,z'), { delimiter: ',' })
  const entries = []
  for await (const some of csv.read(BEGINNING, {})) entries.push(...some)
  assert.equal(
    entries.map((entry) => [entry.firstLine, positionOf(entry)]),
    [
      [2, '2-2@12@3'],
      [4, '3-3@18@4'],
      [5, '4-4@21@5'],
    ],
  )
  assert.equal(await all(csv, placeOf('2-2@12@3')), [
    ['2', 'ü'],
    ['3', 'z'],
  ])
})

input('records read anew from the middle of some are behind those before it, however many they are', () => {
  const [before, some, fewer, behind] = [20, 40, 33, 53].map((record, i) =>
    positionOf({ record, offset: record * 10, line: record }, [1, 21, 21, 34][i]),
  )
  assert.ok(comparePositions('', before!) < 0 && comparePositions(before!, some!) < 0)
  assert.is(comparePositions(some!, fewer!), 0)
  assert.ok(comparePositions(some!, behind!) < 0)
})

input('what is no CSV is told by its column', async () => {
  const csv = await openCsv(fileOf('d.csv', 'a,b\n1,x"y"\n1,2,3\n'), { delimiter: ',' })
  const columns = []
  for await (const entries of csv.read(BEGINNING, {})) {
    for (const entry of entries) {
      try {
        csv.parse(entry)
      } catch (error) {
        columns.push((error as RecordError).column)
      }
    }
  }
  assert.equal(columns, [4, 3])
})

for (const [text, column] of [
  ['{"a":1,"b": x}', 13],
  ['{"a":1', 7],
  ['{"a" 1}', 6],
  ['{"a":1}}', 8],
  ['[1]', 1],
] as const) {
  input(`what is no JSON object is told by its column: ${text}`, async () => {
    const ndjson = openNdjson(fileOf('e.ndjson', text))
    for await (const [entry] of ndjson.read(BEGINNING, {})) {
      if (entry === undefined) continue
      const error = assertThrows(() => ndjson.parse(entry))
      assert.instance(error, RecordError)
      assert.is(error.column, column)
    }
  })
}

function assertThrows(act: () => unknown): RecordError {
  try {
    act()
  } catch (error) {
    return error as RecordError
  }
  throw new Error('it did not throw')
}

input('numbers keep their digits', () => {
  const text = '{"a":12345678901234567890,"b":{"c":0.1234567890123456789},"d":"12345678901234567890","e":1.5}'
  const value = parseJson(text) as Record<string, unknown>
  assert.is(exactJson(value), text)
  assert.is(convert(value['a'], 'integer', {}), 12345678901234567890n)
  assert.is(convert(value['e'], 'decimal', {}), 1.5)
})

input('a text that no word for true or false is stays what it is', () => {
  for (const text of ['constructor', 'toString', '__proto__']) assert.is(convert(text, 'boolean', {}), text)
  assert.equal([convert('Yes', 'boolean', {}), convert('0', 'boolean', {})], [true, false])
})

input('types are those that hold all values', () => {
  assert.is(kindOfAll(['1', '9007199254740993']), 'integer')
  assert.is(kindOfAll(['1', '9223372036854775808']), 'decimal')
  assert.is(kindOfAll(['1', '2.5', NOTHING]), 'decimal')
  assert.is(kindOfAll(['007']), 'text')
  assert.is(kindOfAll(['true', 'false']), 'boolean')
  assert.is(kindOfAll(['2026-01-31', '2026-02-30x']), 'text')
  assert.is(kindOfAll(['2026-01-31']), 'date')
  assert.is(kindOfAll(['2026-01-31T00:00:00Z']), 'instant')
  assert.is(kindOfAll(['2026-01-31', '2026-01-31 00:00']), 'timestamp')
  assert.is(kindOfAll([null, NOTHING]), undefined)
})

input.run()
