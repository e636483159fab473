import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { InlineProgram } from '../support/programs/inline.ts'

const test = suite('two copies of @opentelemetry/api')

const sources = new URL('../../src/', import.meta.url)

/** What a program says on stderr: an SDK is registered with `api`, and then two flows are opened. */
async function said(api: string, more = ''): Promise<string> {
  const { code, stderr } = await new InlineProgram(`
    import { metrics } from '${api}'
    import { MeterProvider } from '@opentelemetry/sdk-metrics'
    import { OtelMetricsReporter } from '${new URL('telemetry/index.ts', sources)}'
    import { startPrometheus } from '${new URL('prometheus/index.ts', sources)}'
    import { flowProbe } from '${new URL('../test/support/telemetry/otel-metrics.ts', sources)}'
    metrics.setGlobalMeterProvider(new MeterProvider())
    const open = () => new OtelMetricsReporter().open(flowProbe()) !== undefined
    const [first, second] = [open(), open()]
    ${more}
    console.log(first, second)`).ended()
  assert.is(code, 0, stderr)
  return stderr
}

test('an SDK registered with an older one is not seen, which is said once, with both versions', async () => {
  const warnings = (await said('opentelemetry-api-1.8')).match(/Warning: .*/g)
  assert.is(warnings?.length, 1)
  assert.match(
    warnings?.[0] ?? '',
    /^Warning: there are two copies of @opentelemetry\/api: an SDK was registered with 1\.8\.0, and batchflow-otel uses 1\.\d+\.\d+, which does not see it; `npm ls @opentelemetry\/api`/,
  )
})

test('startPrometheus, which cannot register either, says the same and not that a provider was there first', async () => {
  const heard = await said('opentelemetry-api-1.8', 'await (await startPrometheus({ port: 0 })).stop()')
  assert.is(heard.match(/Warning: /g)?.length, 1)
  assert.match(heard, 'BATCHFLOW_OTEL_API')
})

test('with one copy nothing is said, and what was registered stays', async () => {
  const more = 'if (!first || !second) throw new Error("not seen")'
  assert.is(await said('@opentelemetry/api', more), '')
})

test('with none registered nothing is said either', async () => {
  const { stderr, stdout } = await new InlineProgram(`
    import { OtelMetricsReporter } from '${new URL('telemetry/index.ts', sources)}'
    import { flowProbe } from '${new URL('../test/support/telemetry/otel-metrics.ts', sources)}'
    console.log(new OtelMetricsReporter().open(flowProbe()))`).ended()
  assert.equal([stdout, stderr], ['undefined\n', ''])
})

test.run()
