import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bundle } from '../../support/live-page/bundle.ts'

const test = suite('script and style of the live page')

test('what is committed is what the sources make, and small', async () => {
  const made = await bundle()
  const { SCRIPT, STYLE } = await import('../../../src/prometheus/live/bundle.generated.ts')
  assert.ok(made.includes(JSON.stringify(SCRIPT)) && made.includes(JSON.stringify(STYLE)))
  assert.ok(SCRIPT.length + STYLE.length < 100_000, `${SCRIPT.length + STYLE.length} bytes`)
})

test.run()
