import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Operation } from '../../../src/contract/driver.ts'
import type { AttemptFailure, BatchOutcome } from '../../../src/contract/tracing.ts'
import { type BatchTraceOptions, TracedBatch } from '../../../src/telemetry/tracing/batch-trace.ts'
import { Traces } from '../../support/telemetry/traces.ts'

const test = suite('the span of a batch and its attempts')

const INSERT = { name: 'INSERT', text: 'INSERT INTO users' } as Operation

function batchOf(options: Partial<BatchTraceOptions> = {}) {
  const traces = new Traces()
  const span = traces.tracer.startSpan('batch')
  const all = { attemptSpans: 'client', queryText: true, ...options } as const
  return { traces, batch: new TracedBatch(traces.tracer, span, {}, all) }
}

function attempt(options: Partial<BatchTraceOptions>, operation: Operation, failure?: AttemptFailure) {
  const { traces, batch } = batchOf(options)
  batch.startAttempt(operation, 'users')!.end(failure)
  return traces.named('INSERT users')[0]!
}

const COMMON = { 'db.collection.name': 'users', 'db.operation.name': 'INSERT' }

test('an attempt has the text where it is wanted, and the size where it is a batch of operations', () => {
  const withText = { ...COMMON, 'db.query.text': INSERT.text }
  assert.equal(attempt({}, INSERT).attributes, withText)
  assert.equal(attempt({ queryText: false }, INSERT).attributes, COMMON)
  assert.equal(attempt({}, { ...INSERT, batchSize: 1 }).attributes, withText)
  assert.equal(attempt({}, { ...INSERT, batchSize: 2 }).attributes, { ...withText, 'db.operation.batch.size': 2 })
  assert.is(attempt({}, INSERT).kind, SpanKind.CLIENT)
  assert.is(attempt({ attemptSpans: 'internal' }, INSERT).kind, SpanKind.INTERNAL)
})

test('an attempt that failed says why, with the code of the database if there is one', () => {
  const told = (failure: AttemptFailure) => {
    const { attributes, status, events } = attempt({ queryText: false }, INSERT, failure)
    return [attributes, status, events[0]?.attributes?.['exception.message']]
  }
  const status = (message: string) => ({ code: SpanStatusCode.ERROR, message })
  const failed = { ...COMMON, 'error.type': 'deadlock' }
  assert.equal(told({ reason: 'deadlock', code: '40P01' }), [
    { ...failed, 'db.response.status_code': '40P01' },
    status('deadlock (40P01)'),
    'deadlock (40P01)',
  ])
  assert.equal(told({ reason: 'deadlock', code: undefined }), [failed, status('deadlock'), 'deadlock'])
})

test('rows that may be in the table nevertheless are told where there are any', () => {
  const ambiguous = (outcome: Partial<BatchOutcome>) => {
    const { traces, batch } = batchOf()
    batch.end({ attempts: 1, failed: 3, ambiguous: 0, reason: 'timeout', ...outcome })
    return traces.named('batch')[0]!.attributes
  }
  const failed = { 'batchflow.batch.attempts': 1, 'batchflow.batch.failed': 3, 'error.type': 'timeout' }
  assert.equal(ambiguous({}), failed)
  assert.equal(ambiguous({ ambiguous: 2 }), { ...failed, 'batchflow.batch.ambiguous': 2 })
})

test('an outage is told with the code of the database if there is one', () => {
  const { traces, batch } = batchOf()
  batch.outageBegan({ reason: 'read_only', code: 'M2' })
  batch.outageBegan({ reason: 'connection', code: undefined })
  batch.end({ attempts: 1, failed: 0, ambiguous: 0, reason: undefined })
  assert.equal(
    traces.named('batch')[0]!.events.map(({ attributes }) => attributes),
    [{ 'error.type': 'read_only', 'db.response.status_code': 'M2' }, { 'error.type': 'connection' }],
  )
})

test.run()
