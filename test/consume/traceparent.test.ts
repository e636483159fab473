import { context, createTraceState, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { activeTraceHeaders, parseTraceHeaders, traceHeadersOf } from '../../src/consume/traceparent.ts'

const test = suite('trace headers')

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'

test('a span context comes back as it was, but from elsewhere', () => {
  const origin = { traceId, spanId, traceFlags: 1, traceState: createTraceState('a=1,b=2') }
  const headers = traceHeadersOf(origin)
  assert.equal(headers, { traceparent: `00-${traceId}-${spanId}-01`, tracestate: 'a=1,b=2' })
  const back = parseTraceHeaders({ ...headers })
  assert.is(back?.isRemote, true)
  assert.is(back?.traceId, traceId)
  assert.is(back?.spanId, spanId)
  assert.is(back?.traceFlags, 1)
  assert.is(back?.traceState?.get('b'), '2')
})

test('what is no traceparent is none', () => {
  for (const traceparent of [
    undefined,
    '',
    `00-${traceId}-${spanId}`,
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
  ]) {
    assert.is(parseTraceHeaders({ traceparent }), undefined, String(traceparent))
  }
})

test('a later version may say more; flags that are not known yet are not passed on', () => {
  assert.is(parseTraceHeaders({ traceparent: `01-${traceId}-${spanId}-03-more` })?.traceFlags, 1)
})

test('the active span, without any propagator', () => {
  const manager = new AsyncLocalStorageContextManager().enable()
  context.setGlobalContextManager(manager)
  const within = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 0 })
  try {
    assert.equal(context.with(within, activeTraceHeaders), { traceparent: `00-${traceId}-${spanId}-00` })
    assert.is(activeTraceHeaders(), undefined)
  } finally {
    context.disable()
  }
})

test.run()
