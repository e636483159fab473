import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TraceRing } from '../../../examples/demo/trace-ring.ts'
import { Traces } from '../../support/telemetry/traces.ts'

const made = new Traces()

/** An ended span of a new trace, or of the trace of another, with links. */
function span(name: string, links: readonly ReadableSpan[] = []): ReadableSpan {
  const started = made.tracer.startSpan(name, { links: links.map((other) => ({ context: other.spanContext() })) })
  started.end()
  return started as unknown as ReadableSpan
}

const idOf = (of: ReadableSpan) => of.spanContext().traceId
const names = (spans: readonly ReadableSpan[] | undefined) => spans?.map(({ name }) => name)

test('beyond the limit the oldest traces are forgotten, whole', () => {
  const ring = new TraceRing(3)
  const [a, b, c] = [span('a'), span('b'), span('c')]
  for (const each of [a, a, b, c]) ring.onEnd(each)
  assert.is(ring.find(idOf(a)), undefined)
  assert.equal(ring.latest(9).map(names), [['c'], ['b']])
})

test('a trace that still grows is not old', () => {
  const ring = new TraceRing(3)
  const [a, b, c] = [span('a'), span('b'), span('c')]
  for (const each of [a, b, a, c]) ring.onEnd(each)
  assert.equal(ring.latest(9).map(names), [['c'], ['a', 'a']])
  assert.equal(ring.latest(1).map(names), [['c']])
})

test('one trace larger than the limit is kept', () => {
  const ring = new TraceRing(1)
  const a = span('a')
  for (const each of [a, a, a]) ring.onEnd(each)
  assert.equal(names(ring.find(idOf(a))), ['a', 'a', 'a'])
})

test('it knows who links to a trace', () => {
  const ring = new TraceRing()
  const request = span('request')
  const batch = span('batch', [request])
  for (const each of [request, span('other'), batch]) ring.onEnd(each)
  assert.equal(names(ring.linking(idOf(request))), ['batch'])
  assert.equal(ring.linking(idOf(batch)), [])
})

test.run()
