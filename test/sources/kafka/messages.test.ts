import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { KafkaRecord, RecordsBatch } from '../../../src/sources/kafka/client.ts'
import { compareOffsets, messagesOf } from '../../../src/sources/kafka/messages.ts'

const messages = suite('kafka: messages')

function record(offsetDelta: number, more: Partial<KafkaRecord> = {}): KafkaRecord {
  return { offsetDelta, timestampDelta: 5n, key: null, value: Buffer.from(`v${offsetDelta}`), headers: [], ...more }
}

function batch(firstOffset: bigint, records: readonly KafkaRecord[], more: Partial<RecordsBatch> = {}): RecordsBatch {
  const lastOffsetDelta = records.at(-1)?.offsetDelta ?? 0
  return {
    firstOffset,
    lastOffsetDelta,
    firstTimestamp: 1000n,
    maxTimestamp: 2000n,
    attributes: 0,
    producerId: -1n,
    records,
    ...more,
  }
}

const positions = (batches: readonly RecordsBatch[], offset: bigint) => {
  const { messages: found, next } = messagesOf(batches, offset)
  return { positions: found.map(({ position }) => position), next }
}

messages('a record as a message', () => {
  const headers: KafkaRecord['headers'] = [
    [Buffer.from('TraceParent'), Buffer.from('00-…')],
    [Buffer.from('empty'), null],
    [null, Buffer.from('x')],
  ]
  const read = record(2, { key: Buffer.from('[1]'), headers })
  const found = messagesOf([batch(7n, [read])], 0n)
  assert.equal(found.messages, [
    {
      position: '9',
      body: Buffer.from('v2'),
      headers: { traceparent: '00-…', empty: '' },
      key: '[1]',
      publishedAt: 1005,
      record: read,
    },
  ])
  assert.is(found.next, 10n)
})

messages('a fetch begins with the whole batch that holds the offset: what is before it was read', () => {
  const batches = [batch(0n, [record(0), record(1)]), batch(2n, [record(0), record(1), record(2)])]
  assert.equal(positions(batches, 3n), { positions: ['3', '4'], next: 5n })
})

messages('what a transaction wrote that was given up is no message, wherever that ends; what others wrote is', () => {
  const TRANSACTIONAL = 0b10000
  const of = (producerId: bigint, firstOffset: bigint) =>
    batch(firstOffset, [record(0)], { producerId, attributes: TRANSACTIONAL })
  const mark = (producerId: bigint, firstOffset: bigint, kind: number) =>
    batch(firstOffset, [record(0, { key: Buffer.from([0, 0, 0, kind]) })], { producerId, attributes: 0b110000 })
  const all = [of(1n, 0n), of(2n, 1n), mark(1n, 2n, 0), of(1n, 3n), mark(1n, 4n, 1), of(1n, 5n), batch(6n, [record(0)])]
  const aborted = [
    { producerId: 1n, firstOffset: 0n },
    { producerId: 1n, firstOffset: 5n }, // it ends behind what was fetched
  ]
  const found = messagesOf(all, 0n, aborted)
  assert.equal([found.messages.map(({ position }) => position), found.next], [['1', '3', '6'], 7n])
  assert.equal(messagesOf([of(1n, 3n)], 3n, [{ producerId: 1n, firstOffset: 0n }]).messages, [])
})

messages('reading goes on behind offsets that have no message', () => {
  assert.equal(positions([batch(10n, [record(0), record(3)], { lastOffsetDelta: 9 })], 10n), {
    positions: ['10', '13'],
    next: 20n,
  })
  assert.equal(positions([batch(20n, [record(0)], { attributes: 0b100000 })], 20n), { positions: [], next: 21n })
  assert.equal(positions([], 21n), { positions: [], next: 21n })
})

messages('a message without a value has an empty body; where the broker sets the time, that is its time', () => {
  const found = messagesOf([batch(0n, [record(0, { value: null })], { attributes: 0b1000 })], 0n).messages[0]
  assert.is(found?.body.length, 0)
  assert.is(found?.publishedAt, 2000)
})

messages('offsets are compared as numbers, however long', () => {
  const sorted = ['', '0', '9', '10', '99', '100', '9007199254740993', '9007199254740994', '9223372036854775807']
  assert.equal([...sorted].reverse().sort(compareOffsets), sorted)
  assert.is(compareOffsets('10', '10'), 0)
})

messages.run()
