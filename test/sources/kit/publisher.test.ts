import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMessage } from '../../../src/consume/message-format.ts'
import { AttemptError, type RowFailure } from '../../../src/contract/driver.ts'
import { InvalidRowError, RowFailedError } from '../../../src/contract/errors.ts'
import { defineTable } from '../../../src/contract/table.ts'
import type { LogDriver, LogMessage } from '../../../src/sources/kit/log-driver.ts'
import { keyTextOf, partitionOf } from '../../../src/sources/kit/partition.ts'
import { Publisher } from '../../../src/sources/kit/publisher.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'

const test = suite('publisher')

interface User {
  id: number
  name?: string
}
const users = defineTable<User>('users', { columns: ['id', 'name'], onConflict: { action: 'update', keys: ['id'] } })
const events = defineTable<{ n: number }>('events', { columns: ['n'] })

/** A log in memory, whose answers are the test's to choose. */
class MemoryLog implements LogDriver {
  readonly name = 'memory-log'
  readonly system = 'memory'
  readonly destination = 'a.b'
  readonly partitions = 4
  readonly target = { address: 'example', port: 1 }
  readonly messages: LogMessage[] = []
  classify: NonNullable<LogDriver['classify']> = () => undefined
  readonly sends: { readonly id: string; readonly count: number }[] = []
  underWay = 0
  most = 0
  answer: (messages: readonly LogMessage[]) => Promise<readonly RowFailure[] | undefined> = async () => undefined

  async send(messages: readonly LogMessage[], _: AbortSignal, id: string): Promise<readonly RowFailure[] | undefined> {
    this.sends.push({ id, count: messages.length })
    this.most = Math.max(this.most, ++this.underWay)
    try {
      const failures = await this.answer(messages)
      const failed = new Set(failures?.map(({ index }) => index))
      this.messages.push(...messages.filter((_, i) => !failed.has(i)))
      return failures
    } finally {
      this.underWay--
    }
  }
}

const isInvalid = (error: unknown) => error instanceof InvalidRowError
const isOption = (error: unknown) => error instanceof OptionError
const rowsOf = (log: MemoryLog) => log.messages.flatMap((message) => decodeMessage(message).map(({ row }) => row))

test('rows of one key share a partition and keep their order; one batch is on its way at a time', async () => {
  const log = new MemoryLog()
  log.answer = () => new Promise((resolve) => setImmediate(() => resolve(undefined)))
  const publisher = new Publisher(log, { flushSize: 7 })
  const all = Array.from({ length: 200 }, (_, i) => publisher.publish(users, { id: i % 5, name: String(i) }))
  await Promise.all(all)
  assert.is(log.most, 1)
  for (const { partition, key, headers } of log.messages) {
    assert.is(partition, partitionOf(key!, 4))
    assert.equal(headers, { 'batchflow-table': 'users', 'content-type': 'application/json' })
  }
  for (let id = 0; id < 5; id++) {
    const names = (rowsOf(log) as User[]).filter((row) => row.id === id).map(({ name }) => Number(name))
    assert.equal(
      names,
      [...names].sort((a, b) => a - b),
    )
    assert.is(names.length, 40)
  }
  const { committed } = await publisher.close()
  assert.is(committed, 200)
})

test('several rows at once become one message per partition', async () => {
  const log = new MemoryLog()
  await using publisher = new Publisher(log)
  const rows = Array.from({ length: 100 }, (_, id) => ({ id }))
  await publisher.publishMany(users, rows)
  assert.is(log.messages.length, 4)
  for (const message of log.messages) {
    assert.is(message.key, undefined)
    for (const { row } of decodeMessage(message)) assert.is(partitionOf(keyTextOf(users, row)!, 4), message.partition)
  }
  await publisher.publishMany(users, [{ id: 1 }, { id: 1, name: 'later' }])
  assert.is(log.messages.at(-1)!.key, '[1]')
  await publisher.submitMany(events, [{ n: 1 }, { n: 2 }])
  await publisher.flush()
  assert.is(decodeMessage(log.messages.at(-1)!).length, 2)
})

test('messages are bounded by bytes and rows; a larger row goes alone', async () => {
  const log = new MemoryLog()
  await using publisher = new Publisher(log, { maxMessageBytes: 200, maxMessageRows: 3, partitionBy: () => 'x' })
  const wide = defineTable<{ text: string }>('wide', { columns: ['text'] })
  await publisher.publishMany(
    wide,
    [{ text: 'x'.repeat(500) }, ...'abcdefg'].map((row) => (typeof row === 'string' ? { text: row } : row)),
  )
  assert.equal(
    log.messages.map((message) => decodeMessage(message).length),
    [1, 3, 3, 1],
  )
  assert.ok(log.messages.slice(1).every(({ body }) => Buffer.byteLength(body) <= 200))
})

test("an encoding of one's own is halved where it comes out too large, and says no type", async () => {
  const log = new MemoryLog()
  const encode = (rows: readonly object[]) => ({ body: Buffer.alloc(rows.length * 10), headers: { mine: '1' } })
  await using publisher = new Publisher(log, { maxMessageBytes: 25, encode, partitionBy: () => 1 })
  await publisher.publishMany(events, [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 }])
  assert.equal(
    log.messages.map(({ body }) => Buffer.byteLength(body) / 10),
    [2, 1, 2],
  )
  assert.equal(log.messages[0]!.headers, { 'batchflow-table': 'events', mine: '1' })
})

test('rows without keys take turns', async () => {
  const log = new MemoryLog()
  await using publisher = new Publisher(log)
  for (let n = 0; n < 8; n++) await publisher.submit(events, { n })
  await publisher.flush()
  const counts = [0, 1, 2, 3].map((p) => log.messages.filter(({ partition }) => partition === p).length)
  assert.equal(counts, [2, 2, 2, 2])
})

test('what is sent again has the id it had; what the log refuses is told to its caller alone', async () => {
  const log = new MemoryLog()
  let tries = 0
  log.answer = async () => {
    if (tries++ === 0)
      throw new AttemptError(Object.assign(new Error('gone'), { code: 'ECONNRESET' }), { ambiguous: true })
    return [{ index: 1, error: new Error('too large') }]
  }
  await using publisher = new Publisher(log, { retry: { backoffBase: 0 } })
  const [first, second] = await Promise.allSettled([
    publisher.publish(users, { id: 1 }),
    publisher.publish(users, { id: 2 }),
  ])
  assert.is(first.status, 'fulfilled')
  assert.ok(second.status === 'rejected' && second.reason instanceof RowFailedError)
  assert.is(log.sends[0]!.id, log.sends[1]!.id)
})

test('where of some messages it is not known whether they are in the log, all are sent again under their id', async () => {
  const log = new MemoryLog()
  log.answer = async () => {
    log.answer = async () => undefined
    return [{ index: 1, error: new AttemptError(new Error('no answer'), { ambiguous: true }) }]
  }
  log.classify = () => ({ reason: 'connection' })
  await using publisher = new Publisher(log)
  await Promise.all([1, 2, 3].map((n) => publisher.publish(events, { n })))
  const [first, second] = log.sends
  assert.is(log.sends.length, 2)
  assert.equal(second, first)
})

test('what no message can hold is refused at once', async () => {
  await using publisher = new Publisher(new MemoryLog())
  const odd = { id: (() => 1) as unknown as number }
  for (const submit of [() => publisher.submit(users, odd), () => publisher.publish(users, odd)]) {
    const error = await submit().then(
      () => undefined,
      (thrown) => thrown,
    )
    assert.ok(error instanceof InvalidRowError)
  }
  assert.throws(() => publisher.trySubmit(users, odd), isInvalid)
})

test('options are checked, those of the flow as well', () => {
  assert.throws(() => new Publisher(new MemoryLog(), { maxMessageBytes: 0 }), isOption)
  assert.throws(() => new Publisher(new MemoryLog(), { flushSize: 0 }), isOption)
  assert.throws(
    () => new Publisher(new MemoryLog(), { maxBytes: 1 } as never),
    /memory-log publisher: unknown option "maxBytes"/,
  )
})

test('a message tells the span that published it; the batch is a PRODUCER span linked to it', async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  try {
    const log = new MemoryLog()
    const publisher = new Publisher(log, { tracerProvider: provider })
    const request = provider.getTracer('test').startSpan('request')
    const active = trace.setSpan(ROOT_CONTEXT, request)
    await context.with(active, () => publisher.publish(users, { id: 1 }))
    await context.with(active, () => publisher.publishMany(users, [{ id: 1 }, { id: 2 }]))
    request.end()
    await publisher.close()
    const { traceId, spanId } = request.spanContext()
    for (const { headers } of log.messages) assert.is(headers['traceparent'], `00-${traceId}-${spanId}-01`)
    const [span] = exporter.getFinishedSpans()
    assert.is(span!.name, 'send a.b')
    assert.is(span!.kind, SpanKind.PRODUCER)
    assert.equal(span!.attributes, {
      'messaging.system': 'memory',
      'messaging.destination.name': 'a.b',
      'messaging.operation.name': 'send',
      'messaging.operation.type': 'send',
      'messaging.batch.message_count': 1,
      'server.address': 'example',
      'server.port': 1,
    })
    assert.is(span!.links[0]!.context.spanId, spanId)
  } finally {
    context.disable()
  }
})

test.run()
