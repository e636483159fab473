import type { SpanContext } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseLinks, MAX_LINKS } from '../../../src/telemetry/tracing/links.ts'

const test = suite('links')

function spans(count: number, isSampled: (i: number) => boolean): SpanContext[] {
  return Array.from({ length: count }, (_, i) => ({
    traceId: '1'.repeat(32),
    spanId: String(i).padStart(16, '0'),
    traceFlags: isSampled(i) ? 1 : 0,
  }))
}

test('what is sampled is linked first, and the rest is counted', () => {
  const all = spans(1000, (i) => i >= 990)
  const { contexts, dropped } = chooseLinks(all)
  assert.is(contexts.length, MAX_LINKS)
  assert.is(dropped, 1000 - MAX_LINKS)
  assert.equal(contexts.slice(0, 11), [...all.slice(990), all[0]])
})

test('as many as fit are all linked, in their order', () => {
  for (const count of [2, MAX_LINKS]) {
    const all = spans(count, (i) => i === count - 1)
    assert.equal(chooseLinks(all), { contexts: all, dropped: 0 })
  }
})

test('none is linked twice', () => {
  const { contexts } = chooseLinks(spans(1000, (i) => i < 10))
  assert.is(new Set(contexts).size, MAX_LINKS)
})

test.run()
