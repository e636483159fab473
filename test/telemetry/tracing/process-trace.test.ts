import { type SpanContext, SpanStatusCode } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ProcessOutcome } from '../../../src/contract/tracing.ts'
import { MAX_LINKS } from '../../../src/telemetry/tracing/links.ts'
import { startProcess } from '../../../src/telemetry/tracing/process-trace.ts'
import { Traces } from '../../support/telemetry/traces.ts'

const test = suite('the span of messages that are processed')

function spanOf(outcome: Partial<ProcessOutcome>, origins: readonly SpanContext[] = []) {
  const traces = new Traces()
  const info = { system: 'memory', destination: 'log', partition: 'a', messages: 3, origins }
  startProcess(traces.tracer, info)!.end({ deadLettered: 0, givenBack: 0, ...outcome })
  const { attributes, status, links } = traces.named('process log')[0]!
  const own = Object.entries(attributes).filter(([name]) => !name.startsWith('messaging.'))
  return { own: Object.fromEntries(own), status, links }
}

test('messages put aside are an error, those given back are none, and of neither nothing is said', () => {
  assert.equal(spanOf({}), { own: {}, status: { code: SpanStatusCode.UNSET }, links: [] })
  assert.equal(spanOf({ givenBack: 1 }).own, { 'batchflow.source.given_back': 1 })
  const { own, status } = spanOf({ deadLettered: 2 })
  assert.equal(own, { 'batchflow.source.dead_lettered': 2, 'error.type': 'dead_letter' })
  assert.equal(status, { code: SpanStatusCode.ERROR, message: '2 messages put aside' })
})

test('it links to as many origins as fit, each once, and counts the others', () => {
  const origins = Array.from({ length: MAX_LINKS + 3 }, (_, i) => ({
    traceId: '1'.repeat(32),
    spanId: String(i + 1).padStart(16, '0'),
    traceFlags: 1,
  }))
  const { own, links } = spanOf({}, [...origins, ...origins])
  assert.is(links.length, MAX_LINKS)
  assert.equal(own, { 'batchflow.links.dropped': 3 })
})

test.run()
