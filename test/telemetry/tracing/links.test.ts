import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseLinks, MAX_LINKS } from '../../../src/telemetry/tracing/links.ts'

const test = suite('links')

test('what is sampled is linked first, and the rest is counted', () => {
  const all = Array.from({ length: 1000 }, (_, i) => ({
    traceId: '1'.repeat(32),
    spanId: String(i).padStart(16, '0'),
    traceFlags: i >= 990 ? 1 : 0,
  }))
  const { contexts, dropped } = chooseLinks(all)
  assert.is(contexts.length, MAX_LINKS)
  assert.is(dropped, 1000 - MAX_LINKS)
  assert.equal(contexts.slice(0, 11), [...all.slice(990), all[0]])
})

test.run()
