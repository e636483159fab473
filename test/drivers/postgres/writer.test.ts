import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { EncodeError } from '../../../src/drivers/kit/encode-error.ts'
import { Writer, WriterPool } from '../../../src/drivers/postgres/writer.ts'

const writing = suite('writer')

function written(writer: Writer): Buffer {
  return writer.bytes.subarray(0, writer.position)
}

writing('any text is its UTF-8 behind its length, in a buffer of any size', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary', maxLength: 120 })),
      fc.integer({ min: 1, max: 64 }),
      (list, size) => {
        const texts = list.map((text) => text.replaceAll('\0', ''))
        const writer = new Writer(size)
        for (const text of texts) writer.text(text)
        const wanted = texts.flatMap((text) => {
          const length = Buffer.alloc(4)
          length.writeInt32BE(Buffer.byteLength(text))
          return [length, Buffer.from(text)]
        })
        assert.ok(written(writer).equals(Buffer.concat(wanted)))
      },
    ),
  )
})

writing('a NUL character is refused, in short and in long texts', () => {
  for (const text of ['\0', 'é\0', 'x'.repeat(100), `${'x'.repeat(100)}\0`]) {
    const write = () => new Writer(16).text(text)
    if (text.includes('\0')) assert.throws(write, (error: Error) => error instanceof EncodeError)
    else write()
  }
})

writing('lengths count what follows, and in messages themselves', () => {
  const writer = new Writer(1)
  const outer = writer.openLength()
  const inner = writer.openLength()
  writer.raw(Buffer.from('abc'))
  writer.closeLength(inner, 0)
  writer.closeLength(outer, 4)
  assert.equal([...written(writer)], [0, 0, 0, 11, 0, 0, 0, 3, 97, 98, 99])
})

writing('a writer given back is used again from its start, a huge one is not kept', () => {
  const pool = new WriterPool()
  const writer = pool.take()
  writer.raw(Buffer.from('abc'))
  pool.give(writer)
  assert.is(pool.take(), writer)
  assert.is(writer.position, 0)
  const huge = new Writer(17 * 1024 * 1024)
  pool.give(huge)
  assert.is.not(pool.take(), huge)
})

writing('the pool keeps no more than 16 MiB', () => {
  const pool = new WriterPool()
  const writers = Array.from({ length: 5 }, () => new Writer(4 * 1024 * 1024))
  for (const writer of writers) pool.give(writer)
  const back = writers.map(() => pool.take())
  assert.is(back.filter((writer) => writers.includes(writer)).length, 4)
})

writing.run()
