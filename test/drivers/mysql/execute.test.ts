import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AttemptError } from '../../../src/contract/driver.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { type Chunk, chunksOf } from '../../../src/drivers/mysql/chunks.ts'
import type { MysqlConnection } from '../../../src/drivers/mysql/client.ts'
import { datesIn } from '../../../src/drivers/mysql/dates.ts'
import { execute } from '../../../src/drivers/mysql/execute.ts'
import { thrownBy } from '../../support/assertions.ts'

const test = suite('packets of prepared statements')

interface Packet {
  readonly buffer: Buffer
  length(): number
  writeHeader(sequenceId: number): void
}

const require = createRequire(import.meta.url)

/** The packet of `mysql2` itself, which it exports to nobody. */
const Execute = require(join(dirname(require.resolve('mysql2')), 'lib/packets/execute.js')) as new (
  id: number,
  values: readonly unknown[],
  charset: number,
  timezone: string,
  attributes: undefined,
  flags: number,
  jsonAsString: boolean,
  hints: readonly unknown[],
) => { toPacket(): Packet }

const UTF8MB4 = 224
const QUERY_ATTRIBUTES = 2 ** 27
const STATEMENT = 77
/** What makes it send whole numbers as such. */
const LONGLONG = { columnType: 8, flags: 0 }

type AnyRow = Record<string, unknown>

const columns = ['a', 'b', 'c']
const table = defineTable<AnyRow>('t', { columns })

function packetOf(values: readonly unknown[], timezone: string, flags: number): Buffer {
  const hints = values.map((value) => (typeof value === 'number' ? LONGLONG : undefined))
  return new Execute(STATEMENT, values, UTF8MB4, timezone, undefined, flags, true, hints).toPacket().buffer
}

/** The header is written when it is sent. */
function assertSame(sent: Packet | undefined, expected: Buffer): void {
  assert.is(Buffer.compare(sent!.buffer.subarray(4), expected.subarray(4)), 0)
}

/** A connection that writes down what is sent, by a client of which `empty` makes a statement without parameters. */
class Recorder {
  readonly sent: Packet[] = []
  readonly bound: unknown[] = []
  readonly #empty: Buffer
  readonly connection: { clientEncoding: string; writePacket(packet: unknown): void }

  constructor(empty: Buffer, clientEncoding = 'utf8') {
    this.#empty = empty
    this.connection = { clientEncoding, writePacket: (packet) => void this.sent.push(packet as Packet) }
  }

  async execute(_sql: string, values: unknown): Promise<readonly [unknown, unknown]> {
    this.bound.push(values)
    this.connection.writePacket({ buffer: this.#empty })
    return [undefined, undefined]
  }

  send(chunk: Chunk): Promise<unknown> {
    return execute(this as unknown as MysqlConnection, 'INSERT', chunk)
  }
}

function chunkOf(rows: readonly AnyRow[], timezone = 'Z'): Chunk {
  const limits = { packet: 2 ** 30, parameters: 65_535, dates: datesIn(timezone) }
  return chunksOf({ table, columns, rows }, limits, (count) => [count])[0]!
}

const dateOf = fc.date({
  min: new Date('0001-01-03T00:00:00Z'),
  max: new Date('9999-12-29T00:00:00Z'),
  noInvalidDate: true,
})
const anyValue = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
  fc.string({ unit: 'binary', maxLength: 120 }),
  fc.string({ unit: 'binary-ascii', maxLength: 60 }),
  fc.integer({ min: 240, max: 260 }).map((length) => 'x'.repeat(length)),
  fc.integer({ min: 80, max: 90 }).map((length) => '€'.repeat(length)),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  dateOf,
)
const rowsOf = fc.array(fc.record({ a: anyValue, b: anyValue, c: anyValue }), { minLength: 1, maxLength: 120 })

test('are those of mysql2 to the byte, whole numbers sent as such, in every time zone', async () => {
  for (const flags of [0, QUERY_ATTRIBUTES]) {
    await fc.assert(
      fc.asyncProperty(rowsOf, fc.constantFrom('Z', 'local', '+05:30', '-03:30'), async (rows, timezone) => {
        const recorder = new Recorder(packetOf([], timezone, flags))
        await recorder.send(chunkOf(rows, timezone))
        const expected = packetOf(
          rows.flatMap(({ a, b, c }) => [a, b, c]),
          timezone,
          flags,
        )
        assertSame(recorder.sent[0], expected)
        assert.equal(recorder.bound, [[]])
      }),
    )
  }
})

test('hold any part of a batch', async () => {
  await fc.assert(
    fc.asyncProperty(rowsOf, fc.nat(), fc.nat(), async (rows, from, count) => {
      const first = from % rows.length
      const some = 1 + (count % (rows.length - first))
      const recorder = new Recorder(packetOf([], 'Z', 0))
      await recorder.send(chunkOf(rows).part(first, some))
      const values = rows.slice(first, first + some).flatMap(({ a, b, c }) => [a, b, c])
      assertSame(recorder.sent[0], packetOf(values, 'Z', 0))
    }),
  )
})

test('a negative zero stays one, and lengths have 1, 3, 4 or 9 bytes', async () => {
  const rows = [{ a: -0, b: 'é'.repeat(40_000), c: Buffer.alloc(2 ** 24, 1) }]
  const recorder = new Recorder(packetOf([], 'Z', 0))
  await recorder.send(chunkOf(rows))
  const { buffer } = recorder.sent[0]!
  const values = buffer.subarray(14 + 1 + 1 + 3 * 2)
  assert.ok(Object.is(values.readDoubleLE(0), -0))
  assert.equal([...values.subarray(8, 12)], [0xfd, 0x80, 0x38, 0x01])
  assert.equal([...values.subarray(12 + 80_000, 12 + 80_009)], [0xfe, 0, 0, 0, 1, 0, 0, 0, 0])
})

test('from 16 MiB on the client sends as many pieces as the protocol wants', async () => {
  const most = 2 ** 24 - 1
  for (const length of [most - 1, most, most + 1, 2 * most - 1, 2 * most]) {
    const recorder = new Recorder(packetOf([], 'Z', 0))
    const beside = 10 + 1 + 1 + 6 + 2 // of the statement; then what is said of lengths
    const room = length < 2 ** 24 ? 4 : 9
    const body = Buffer.alloc(length - beside - room + 1)
    await recorder.send(chunkOf([{ a: null, b: true, c: body }]))
    const packet = recorder.sent[0]!
    const pieces = packet.length() < most ? 1 : Math.ceil(packet.length() / most) // as its `writePacket` counts them
    assert.is(pieces, Math.floor((packet.buffer.length - 4) / most) + 1, String(packet.buffer.length - 4))
  }
})

test('a client that sends them in another way, or texts in another encoding, encodes them itself', async () => {
  const chunk = chunkOf([{ a: 1, b: 'x', c: null }])
  const latin = new Recorder(packetOf([], 'Z', 0), 'latin1')
  await latin.send(chunk)
  assert.equal(latin.bound, [[1, 'x', null]])

  const strange = new Recorder(Buffer.concat([packetOf([], 'Z', 0), Buffer.alloc(2)]))
  const error = await thrownBy(() => strange.send(chunk))
  assert.ok(error instanceof AttemptError && error.stale)
  assert.equal(strange.sent, [])
  await strange.send(chunk)
  assert.equal(strange.bound, [[], [1, 'x', null]])
})

test('what others send on the connection is left as it is', async () => {
  const recorder = new Recorder(packetOf([], 'Z', 0))
  await recorder.send(chunkOf([{ a: 1, b: 'x', c: null }]))
  const foreign = { buffer: packetOf([1.5], 'Z', 0) }
  recorder.connection.writePacket(foreign)
  assert.is(recorder.sent[1] as unknown, foreign)
})

test.run()
