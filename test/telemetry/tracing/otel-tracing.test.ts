import {
  context,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type ReadableSpan,
  SamplingDecision,
} from '@opentelemetry/sdk-trace'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RetryOptions } from '../../../src/executor/retry.ts'
import type { DeadLetter } from '../../../src/flow/dead-letters.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'
import { LinkedBatchSampler, OtelTracing, type OtelTracingOptions } from '../../../src/telemetry/index.ts'
import { rejectsWith } from '../../support/assertions.ts'
import { settled } from '../../support/engine/clock.ts'
import { rig } from '../../support/engine/flow.ts'
import { committing, MemoryDriver, MemoryError } from '../../support/engine/memory-driver.ts'
import { RecordingReporter } from '../../support/engine/recording-reporter.ts'
import { updated, user, users, usersFrom } from '../../support/engine/tables.ts'
import { enableContext, ids, Traces } from '../../support/telemetry/traces.ts'

const test = suite('tracing')
enableContext()

interface TracedOptions {
  traces?: Traces
  driver?: MemoryDriver
  options?: Omit<OtelTracingOptions, 'tracerProvider'>
  flushSize?: number
}

function traced(
  { traces = new Traces(), driver = new MemoryDriver(), options, flushSize = 100 }: TracedOptions = {},
  retry: RetryOptions = { maxAttempts: 2, backoffBase: 0 },
) {
  const tracing = new OtelTracing({ tracerProvider: traces.provider, ...options })
  const configure = (executor: Parameters<NonNullable<Parameters<typeof rig>[1]>>[0]) =>
    executor.withTracing(tracing).withRetry(retry)
  return { traces, ...rig({ flushSize, deadLetter: () => {} }, configure, driver) }
}

const linked = (span: ReadableSpan) => span.links.map((link) => link.context.spanId)

test('a batch fed by several requests is a root span with a link to each', async () => {
  const { traces, flow } = traced({ driver: committing() })
  const requests = []
  for (let i = 0; i < 3; i++) {
    const rows = usersFrom(i * 10, 2)
    requests.push(await traces.request(`request ${i}`, () => flow.submitMany(users, rows)))
  }
  await flow.close()
  const [batch] = traces.named('batchflow.batch')
  assert.is(batch!.name, 'batchflow.batch users')
  assert.is(batch!.kind, SpanKind.INTERNAL)
  assert.is(batch!.parentSpanContext, undefined)
  assert.equal(
    linked(batch!),
    requests.map((request) => request.spanContext().spanId),
  )
  assert.equal(batch!.attributes, {
    'db.system.name': 'memory',
    'db.collection.name': 'users',
    'batchflow.batch.rows': 6,
    'batchflow.batch.accepted': 6,
    'batchflow.batch.trigger': 'close',
    'batchflow.batch.attempts': 1,
  })
})

test('a batch fed by one request is its child', async () => {
  const { traces, flow } = traced({ driver: committing(), flushSize: 2 })
  const request = await traces.request('request', () => flow.submitMany(users, usersFrom(1, 2)))
  await flow.close()
  const [batch] = traces.named('batchflow.batch')
  assert.is(batch!.parentSpanContext?.spanId, request.spanContext().spanId)
  assert.equal(batch!.links, [])
  assert.is(batch!.kind, SpanKind.INTERNAL)
  assert.is(batch!.attributes['batchflow.batch.rows'], 2)
})

test('a dead letter names the span of its batch', async () => {
  const traces = new Traces()
  const tracing = new OtelTracing({ tracerProvider: traces.provider })
  const letters: DeadLetter[] = []
  const deadLetter = (failed: readonly DeadLetter[]) => void letters.push(...failed)
  const driver = new MemoryDriver((run) => run.fail(new MemoryError('constraint')))
  const { flow } = rig({ deadLetter }, (executor) => executor.withTracing(tracing), driver)
  await flow.submitMany(users, usersFrom(1, 2))
  await flow.close()
  const { traceId, spanId } = traces.named('batchflow.batch')[0]!.spanContext()
  assert.equal(
    letters.map((letter) => [letter.traceId, letter.spanId]),
    [
      [traceId, spanId],
      [traceId, spanId],
    ],
  )
})

test('rows from outside of any span make it a root', async () => {
  const { traces, flow } = traced({ driver: committing() })
  await flow.submit(users, user(0))
  const request = await traces.request('request', () => flow.submit(users, user(1)))
  await flow.close()
  const [batch] = traces.named('batchflow.batch')
  assert.is(batch!.parentSpanContext, undefined)
  assert.equal(linked(batch!), [request.spanContext().spanId])
})

test('a row that had to wait for room keeps its origin', async () => {
  for (const table of [users, updated]) {
    const traces = new Traces()
    const tracing = new OtelTracing({ tracerProvider: traces.provider })
    const options = { flushSize: 1, bufferSize: 1 }
    const { flow } = rig(options, (executor) => executor.withTracing(tracing), committing())
    const first = traces.request('first', () => flow.submit(table, user(1)))
    const waiting = traces.request('waiting', () => flow.submit(table, user(2)))
    await Promise.all([first, waiting])
    await flow.close()
    const [, batch] = traces.named('batchflow.batch')
    assert.is(batch!.parentSpanContext?.spanId, (await waiting).spanContext().spanId)
  }
})

test('merged rows keep all their origins', async () => {
  const { traces, flow } = traced({ driver: committing() })
  const one = await traces.request('one', () => flow.submit(updated, user(1)))
  const two = await traces.request('two', () => flow.submit(updated, user(1)))
  await flow.close()
  const [batch] = traces.named('batchflow.batch')
  assert.equal(
    linked(batch!),
    [one, two].map((request) => request.spanContext().spanId),
  )
  assert.is(batch!.attributes['batchflow.batch.rows'], 1)
  assert.is(batch!.attributes['batchflow.batch.accepted'], 2)
})

/** A submitter as it comes from another process. */
function remote(n: number, sampled: boolean) {
  const spanId = n.toString(16).padStart(16, '0')
  const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  return { traceId: 'a'.repeat(32), spanId, traceFlags, isRemote: true }
}

test('of more than 128 submitters the sampled ones are kept, the rest counted', async () => {
  const { traces, flow } = traced({ driver: committing(), flushSize: 500 })
  for (let n = 1; n <= 500; n++) {
    const parent = trace.setSpanContext(ROOT_CONTEXT, remote(n, n > 400))
    await context.with(parent, () => flow.submit(users, user(n)))
  }
  await flow.close()
  const [batch] = traces.named('batchflow.batch')
  assert.is(batch!.links.length, 128)
  assert.is(batch!.droppedLinksCount, 0, 'the SDK had none to drop')
  assert.is(batch!.links.filter((link) => link.context.traceFlags === TraceFlags.SAMPLED).length, 100)
  assert.is(batch!.attributes['batchflow.links.dropped'], 372)
})

test('the same submitter is linked once, invalid ones never', async () => {
  const { traces, flow } = traced({ driver: committing() })
  const from = (origin: object) => trace.setSpanContext(ROOT_CONTEXT, origin as never)
  for (const origin of [remote(1, true), remote(2, true), remote(1, true), { ...remote(3, true), traceId: 'no' }]) {
    await context.with(from(origin), () => flow.submit(users, user(1)))
  }
  await flow.close()
  assert.equal(linked(traces.named('batchflow.batch')[0]!), [remote(1, true).spanId, remote(2, true).spanId])
})

test('each attempt is a child of the batch; retries are siblings', async () => {
  const { traces, flow, driver } = traced({ flushSize: 1 })
  const write = flow.write(users, user(1))
  driver.runs[0]!.fail(new MemoryError('deadlock'))
  for (let turn = 0; turn < 2; turn++) await settled()
  driver.runs[1]!.succeed()
  await write
  const [batch] = traces.named('batchflow.batch')
  const attempts = traces.named('INSERT users')
  assert.is(attempts.length, 2)
  for (const attempt of attempts) {
    assert.is(attempt.parentSpanContext?.spanId, batch!.spanContext().spanId)
    assert.is(attempt.kind, SpanKind.CLIENT)
  }
  assert.equal(attempts[1]!.attributes, {
    'db.system.name': 'memory',
    'db.collection.name': 'users',
    'db.operation.name': 'INSERT',
    'db.query.text': 'INSERT INTO users',
  })
  assert.is(attempts[0]!.attributes['error.type'], 'deadlock')
  assert.is(attempts[0]!.status.code, SpanStatusCode.ERROR)
  assert.is(batch!.status.code, SpanStatusCode.UNSET)
  assert.is(batch!.attributes['batchflow.batch.attempts'], 2)
})

/** Events of a batch's span: name and attributes. */
function eventsOf(span: ReadableSpan | undefined) {
  return span!.events.map(({ name, attributes }) => [name, attributes])
}

const began = ['batchflow.outage.began', { 'error.type': 'read_only', 'db.response.status_code': 'M2' }]
const ended = (seconds: number, attempts: number) => [
  'batchflow.outage.ended',
  { 'batchflow.outage.duration': seconds, 'batchflow.outage.attempts': attempts },
]

/** A memory database that tells its own code, too. */
function coded(): MemoryDriver {
  const driver = new MemoryDriver()
  driver.classify = (error) => (error instanceof MemoryError ? { reason: error.reason, code: 'M2' } : undefined)
  return driver
}

test('each batch that waits for the database says so, once, and when it waits no longer', async () => {
  const { traces, flow, driver, clock } = traced({ driver: coded(), flushSize: 1 }, { backoffBase: 100, jitter: 0 })
  const writes = usersFrom(1, 2).map((row) => flow.write(users, row))
  for (const run of [...driver.runs]) run.fail(new MemoryError('read_only'))
  await clock.advance(100)
  driver.runs[2]!.fail(new MemoryError('read_only'))
  await clock.advance(200)
  driver.runs[3]!.succeed()
  await settled()
  driver.runs[4]!.succeed()
  await Promise.all(writes)
  const [second, first] = traces.named('batchflow.batch')
  assert.equal(eventsOf(first), [began, ended(0.3, 2)], 'it was tried once more in vain')
  assert.equal(eventsOf(second), [began, ended(0.3, 1)])
  await flow.close()
})

test('a batch that was given up before the outage was over does not say that it is', async () => {
  const { traces, flow, driver, clock } = traced(
    { driver: coded(), flushSize: 1 },
    { backoffBase: 100, jitter: 0, maxOutage: 1000 },
  )
  const write = flow.write(users, user(1)).catch(() => {})
  for (let answered = 0; traces.named('batchflow.batch').length === 0; await clock.advance(100)) {
    for (const run of driver.runs.slice(answered)) run.fail(new MemoryError('read_only'))
    answered = driver.runs.length
  }
  await write
  assert.equal(eventsOf(traces.named('batchflow.batch')[0]), [began])
  await flow.close()
})

test('a batch that the database refuses while it takes others says so, too', async () => {
  const { traces, flow, driver, clock } = traced({ driver: coded(), flushSize: 1 }, { backoffBase: 100, jitter: 0 })
  const [refused, other] = usersFrom(1, 2).map((row) => flow.write(users, row))
  driver.runs[0]!.fail(new MemoryError('read_only'))
  driver.runs[1]!.fail(new MemoryError('read_only'))
  await clock.advance(100)
  driver.runs[2]!.fail(new MemoryError('read_only'))
  await clock.advance(200)
  driver.runs[3]!.succeed()
  await other
  driver.runs[4]!.fail(new MemoryError('read_only'))
  await clock.advance(100)
  driver.runs[5]!.succeed()
  await refused
  const [span] = traces.named('batchflow.batch').slice(1)
  assert.equal(eventsOf(span), [began, ended(0.3, 2), began, ended(0.1, 1)])
  await flow.close()
})

test('a failed batch says so, without a word of what the client threw', async () => {
  const { traces, flow, driver } = traced({ flushSize: 1 })
  const write = flow.write(users, user(1)).catch(() => {})
  driver.runs[0]!.fail(new MemoryError('constraint'))
  await write
  const [batch] = traces.named('batchflow.batch')
  const [attempt] = traces.named('INSERT')
  assert.equal(batch!.status, { code: SpanStatusCode.ERROR, message: '1 row failed: constraint' })
  assert.is(batch!.attributes['batchflow.batch.failed'], 1)
  assert.is(batch!.attributes['error.type'], 'constraint')
  const [event] = attempt!.events
  assert.is(event!.name, 'exception')
  assert.equal(event!.attributes, { 'exception.type': 'constraint', 'exception.message': 'constraint' })
})

test('the client works inside the attempt, or inside the batch where attempts have no span', async () => {
  for (const attemptSpans of ['client', 'internal', 'none'] as const) {
    const traces = new Traces()
    const active: (string | undefined)[] = []
    const driver = new MemoryDriver((run) => {
      active.push(trace.getActiveSpan()?.spanContext().spanId)
      run.succeed()
    })
    const { flow } = traced({ traces, driver, options: { attemptSpans }, flushSize: 1 })
    await traces.request('request', () => flow.write(users, user(1)))
    const [span] = traces.named(attemptSpans === 'none' ? 'batchflow.batch' : 'INSERT')
    assert.equal(active, [span!.spanContext().spanId])
    assert.is(span!.kind, attemptSpans === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL)
    assert.is(traces.named('INSERT').length, attemptSpans === 'none' ? 0 : 1)
  }
})

test('without tracing the client works in no request at all', async () => {
  const traces = new Traces()
  const active: unknown[] = []
  const driver = new MemoryDriver((run) => {
    active.push(trace.getActiveSpan())
    run.succeed()
  })
  const { flow } = rig({ flushSize: 1 }, undefined, driver)
  await traces.request('request', () => flow.write(users, user(1)))
  assert.equal(active, [undefined])
})

test('write tells the ids of the batch, and links its caller to it', async () => {
  const { traces, flow } = traced({ driver: committing(), flushSize: 4 })
  const receipts: object[] = []
  const requests = await Promise.all(
    [1, 2].map((n) =>
      traces.request(`request ${n}`, async () => {
        const both = await Promise.all([flow.write(users, user(n)), flow.write(users, user(n))])
        receipts.push(...both)
      }),
    ),
  )
  const [batch] = traces.named('batchflow.batch')
  for (const receipt of receipts) assert.equal(receipt, { table: 'users', rows: 4, attempts: 1, ...ids(batch!) })
  for (const { name } of [{ name: 'request 1' }, { name: 'request 2' }]) {
    const [request] = traces.named(name)
    assert.is(request!.links.length, 1, 'once, however many of its rows are in the batch')
    assert.is(request!.links[0]!.context.spanId, batch!.spanContext().spanId)
    assert.equal(request!.links[0]!.attributes, { 'batchflow.link': 'batch' })
  }
  assert.is(requests.length, 2)
})

test('outside of any span, and in one that is none, there is no origin and nobody to link', () => {
  const tracing = new OtelTracing({ tracerProvider: new Traces().provider }).open({
    database: 'memory',
    target: undefined,
  })
  const nobody = () => [tracing.capture(), tracing.captureSpan()]
  assert.equal(nobody(), [undefined, undefined])
  assert.equal(context.with(trace.setSpanContext(ROOT_CONTEXT, INVALID_SPAN_CONTEXT), nobody), [undefined, undefined])
})

test('linked are spans that still record, where there is a sampled batch and the API knows how', () => {
  const info = { table: 'users', rows: 1, accepted: 1, trigger: 'size', origins: [], orphans: true } as const
  const linksOf = (isRecording: boolean, sampler?: AlwaysOffSampler) => {
    let links = 0
    const submitter = { isRecording: () => isRecording, addLink: () => void links++ } as unknown as Span
    const { provider } = new Traces(sampler)
    const older = { isRecording: () => true } as unknown as Span
    const tracing = new OtelTracing({ tracerProvider: provider }).open({ database: 'memory', target: undefined })
    tracing.startBatch({ ...info, submitters: [older, submitter] })
    return links
  }
  assert.equal([linksOf(true), linksOf(false), linksOf(true, new AlwaysOffSampler())], [1, 0, 0])
})

test('linkSubmitters: false leaves the caller alone', async () => {
  const { traces, flow } = traced({ driver: committing(), flushSize: 1, options: { linkSubmitters: false } })
  await traces.request('request', () => flow.write(users, user(1)))
  assert.equal(traces.named('request')[0]!.links, [])
})

test('an unsampled batch has no attempt spans, and its client stays unsampled', async () => {
  const flags: unknown[] = []
  const driver = new MemoryDriver((run) => {
    flags.push(trace.getSpanContext(context.active())?.traceFlags)
    run.succeed()
  })
  const { traces, flow } = traced({ traces: new Traces(new AlwaysOffSampler()), driver, flushSize: 1 })
  await flow.write(users, user(1))
  assert.equal(flags, [TraceFlags.NONE])
  assert.equal(traces.named(''), [])
})

test('LinkedBatchSampler keeps a batch that one kept request fed, and decides nothing else', async () => {
  const sampler = new ParentBasedSampler({ root: new LinkedBatchSampler(new AlwaysOffSampler()) })
  const kept = async (sampled: boolean) => {
    const { traces, flow } = traced({ traces: new Traces(sampler), driver: committing() })
    await flow.submit(users, user(0))
    await context.with(trace.setSpanContext(ROOT_CONTEXT, remote(1, sampled)), () => flow.submit(users, user(1)))
    await flow.close()
    await traces.request('request', async () => {}, ROOT_CONTEXT)
    return traces.named('').map(({ name }) => name)
  }
  assert.equal(await kept(true), ['INSERT users', 'batchflow.batch users'])
  assert.equal(await kept(false), [])
  const asked = (name: string) => {
    const links = [true, false].map((sampled) => ({ context: remote(1, sampled) }))
    return sampler.shouldSample(ROOT_CONTEXT, remote(1, true).traceId, name, SpanKind.INTERNAL, {}, links).decision
  }
  assert.is(asked('batchflow.batch users'), SamplingDecision.RECORD_AND_SAMPLED, 'one of several is enough')
  assert.is(asked('batchflow.batches'), SamplingDecision.NOT_RECORD, 'the name of no batch')
  assert.is(`${new LinkedBatchSampler(new AlwaysOnSampler())}`, 'LinkedBatchSampler{AlwaysOnSampler}')
})

test('the reporter gets the context of the batch span', async () => {
  const traces = new Traces()
  const reporter = new RecordingReporter()
  const tracing = new OtelTracing({ tracerProvider: traces.provider })
  const { flow } = rig({ flushSize: 1 }, (e) => e.withTracing(tracing).withMetricsReporter(reporter), committing())
  await flow.write(users, user(1))
  const [[, , , batch]] = reporter.of('observeExecuteDuration') as [[unknown, unknown, unknown, never]]
  assert.is(trace.getSpanContext(batch)?.spanId, traces.named('batchflow.batch')[0]!.spanContext().spanId)
})

test('without a provider nothing is traced, and receipts have no ids', async () => {
  const { flow } = rig({ flushSize: 1 }, (executor) => executor.withTracing(new OtelTracing()), committing())
  assert.equal(await flow.write(users, user(1)), { table: 'users', rows: 1, attempts: 1 })
})

test('a sampler or processor that throws is not felt by any row', async () => {
  const broken = () => assert.unreachable('broken')
  const sampler = { shouldSample: broken, toString: () => 'broken' }
  const { flow } = traced({ traces: new Traces(sampler as never), driver: committing(), flushSize: 1 })
  await flow.write(users, user(1))
  assert.is((await flow.close()).committed, 1)
})

test('refuses options that are none', async () => {
  const refuses = (options: object, message: string) =>
    rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => new OtelTracing(options))
  await refuses(
    { attemptSpans: 'server' },
    'OtelTracing: attemptSpans must be one of client, internal, none, received "server"',
  )
  await refuses({ linkSubmitters: 1 }, 'OtelTracing: linkSubmitters must be true or false, received 1')
  await refuses(
    { tracerProvider: {} },
    'OtelTracing: tracerProvider must be a TracerProvider with a method getTracer(), received an object',
  )
})

test.run()
