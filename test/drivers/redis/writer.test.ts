import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bulks, RespWriter } from '../../../src/drivers/redis/writer.ts'
import { decode } from '../../support/databases/redis-commands.ts'

function written(values: readonly unknown[], size = 1): Buffer[] {
  const writer = new RespWriter(size)
  writer.array(values.length)
  for (const value of values) writer.bulk(value)
  const [command, ...others] = decode(writer.bytes)
  assert.is(others.length, 0)
  return command ?? []
}

test('any text and any bytes come out as they went in, from a buffer of any size', () => {
  const text = fc.string({ unit: 'binary', maxLength: 200 })
  const bytes = fc.uint8Array({ maxLength: 200 })
  fc.assert(
    fc.property(fc.array(fc.oneof(text, bytes), { maxLength: 20 }), fc.nat(300), (values, size) => {
      const parts = written(values, size)
      assert.is(parts.length, values.length)
      values.forEach((value, i) => {
        assert.ok(Buffer.from(value as string).equals(parts[i]!))
      })
    }),
  )
})

test('half a surrogate pair becomes the replacement character, as everywhere in Node', () => {
  for (const length of [1, 60]) {
    const text = `${'x'.repeat(length)}\ud800`
    assert.ok(Buffer.from(text).equals(written([text])[0]!))
  }
})

test('numbers, bigints and booleans as their text', () => {
  const texts = written([0, -0, 1.5, -1e21, Number.NaN, 9007199254740993n, true, false]).map(String)
  assert.equal(texts, ['0', '0', '1.5', '-1e+21', 'NaN', '9007199254740993', 'true', 'false'])
})

test('lengths of one to seven digits', () => {
  for (const length of [0, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 1_000_000]) {
    assert.is(written(['a'.repeat(length)])[0]!.length, length)
  }
})

test('what was written since a mark is forgotten, also when it has become bytes meanwhile', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.uint8Array({ maxLength: 60 }),
    fc.constant('é'.repeat(40_000)),
  )
  const parts = fc.array(part, { maxLength: 6 })
  fc.assert(
    fc.property(parts, parts, parts, (before, between, after) => {
      const writer = new RespWriter(16)
      const plain = new RespWriter(16)
      for (const value of before) for (const each of [writer, plain]) each.bulk(value)
      const mark = writer.mark()
      for (const value of between) writer.bulk(value)
      writer.reset(mark)
      for (const value of after) for (const each of [writer, plain]) each.bulk(value)
      assert.is(writer.position, plain.position)
      assert.ok(writer.bytes.equals(plain.bytes))
    }),
  )
})

test('constants may be any text', () => {
  const writer = new RespWriter(16)
  writer.array(3)
  const { text, byteLength } = bulks('größe', 'x')
  writer.raw(text, byteLength)
  writer.text('次')
  assert.equal(decode(writer.bytes)[0]!.map(String), ['größe', 'x', '次'])
  assert.is(writer.position, writer.bytes.length)
})

test.run()
