import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { beside, fitted, type Letter, prefixed, putFitting, toldOf } from '../../../src/sources/kit/letter.ts'

const test = suite('letter')
const told = { reason: 'decode', message: 'it is no JSON', position: '7' }

class TooLarge extends Error {}
const isTooLarge = (error: unknown) => error instanceof TooLarge

const sizeOf = ({ told, headers, body }: Letter) =>
  [...prefixed(told), ...headers].reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value) + 10,
    body.length,
  )

test('what is told of several rows that failed fits, whatever their errors say, and tells how many there are', () => {
  const rows = Array.from({ length: 20 }, (_, row) => ({
    reason: 'constraint',
    table: 'users',
    row,
    message: 'é'.repeat(300),
  }))
  const message = { position: '7', body: '', headers: {} }
  const told = toldOf(message, { ...rows[0]!, rows, failed: 40 })
  assert.is(told['failed'], '40')
  const kept = JSON.parse(told['rows']!) as unknown[]
  assert.equal(kept, rows.slice(0, kept.length))
  assert.ok(kept.length >= 6 && Buffer.byteLength(told['rows']!) <= 4096)
  const letter = { told, headers: [], body: Buffer.alloc(12_000) }
  assert.equal(
    [fitted(letter, 11_000), fitted(letter, 6000)].map(({ told }) => 'rows' in told),
    [true, false],
  )
})

test('a letter that fits is left as it is', () => {
  const letter = { told, headers: [['a', 'b'] as const], body: Buffer.from('body') }
  assert.is(fitted(letter, sizeOf(letter)), letter)
})

test('one that does not is told to be cut: how long the body was, its digest, and its beginning', () => {
  const body = Buffer.alloc(5000, 'abc')
  const cut = fitted({ told, headers: [['a', 'b']], body }, 1000)
  assert.ok(sizeOf(cut) <= 1000 && sizeOf(cut) > 950)
  assert.equal(cut.body, body.subarray(0, cut.body.length))
  assert.equal(cut.headers, [['a', 'b']])
  assert.is(cut.told['truncated'], 'body')
  assert.is(cut.told['length'], '5000')
  assert.is(cut.told['sha256'], createHash('sha256').update(body).digest('hex'))
})

test('headers that are too large for themselves go first, and the body stays whole', () => {
  const body = Buffer.from('body')
  const cut = fitted(
    {
      told,
      headers: [
        ['large', 'x'.repeat(900)],
        ['small', 'x'],
      ],
      body,
    },
    100_000,
    800,
  )
  assert.equal(cut.headers, [['small', 'x']])
  assert.equal(cut.body, body)
  assert.is(cut.told['truncated'], 'headers')
})

test('whatever it holds and wherever it goes: never more than fits, nor less than is told', () => {
  const headers = fc.array(fc.tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 2000 })), { maxLength: 5 })
  fc.assert(
    fc.property(
      headers,
      fc.uint8Array({ maxLength: 5000 }),
      fc.integer({ min: 0, max: 8000 }),
      (headers, body, most) => {
        const cut = fitted({ told, headers, body }, most)
        for (const name of Object.keys(told)) assert.ok(name in cut.told)
        if (cut.body.length + cut.headers.length > 0) assert.ok(sizeOf(cut) <= most)
        const isWhole = cut.body.length === body.length && cut.headers.length === headers.length
        assert.is('truncated' in cut.told, !isWhole)
      },
    ),
  )
})

test('what is refused as too large goes as far as it fits, all else is told', async () => {
  const letter = { told, headers: [], body: Buffer.alloc(100_000) }
  const put: Letter[] = []
  const into = (most: number) => async (some: Letter) => {
    if (sizeOf(some) > most) throw new TooLarge()
    put.push(some)
  }
  await putFitting(letter, { most: Number.POSITIVE_INFINITY }, into(10_000), isTooLarge)
  assert.ok(put[0]!.body.length > 1000)
  assert.is(put[0]!.told['truncated'], 'body')
  await putFitting(letter, { most: Number.POSITIVE_INFINITY }, into(300), isTooLarge)
  assert.is(put[1]!.body.length, 0)
  for (const refusal of [new TooLarge('nothing at all'), new Error('the place is away')]) {
    let tries = 0
    const failing = async () => {
      tries++
      throw refusal
    }
    const error = await putFitting(letter, { most: 1e9 }, failing, isTooLarge).catch((error) => error)
    assert.is(error, refusal)
    assert.ok(isTooLarge(refusal) ? tries > 1 && tries < 10 : tries === 1)
  }
})

test('a header of the message that bears the name of something told gives way', () => {
  const headers = [['Batchflow-Reason', 'x'] as const, ['mine', 'y'] as const]
  assert.equal(beside(headers, told), [['mine', 'y']])
})

test.run()
