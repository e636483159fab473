import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { metrics } from '@opentelemetry/api'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BatchFlowPrometheusExporter, type PrometheusExporterOptions } from '../../src/prometheus/index.ts'
import { BatchFlowError, OptionError } from '../../src/support/batchflow-error.ts'
import { exemplarStore } from '../../src/telemetry/metrics/exemplars.ts'
import { rejectsWith } from '../support/assertions.ts'
import { contextOf, pageRig } from '../support/prometheus/metrics-page.ts'
import { diagnosticsOf } from '../support/telemetry/otel-metrics.ts'

const exporters: BatchFlowPrometheusExporter[] = []
const test = suite('Prometheus exporter')
test.after.each(async () => {
  for (const exporter of exporters.splice(0)) await exporter.shutdown()
})

function create(options: PrometheusExporterOptions = {}): BatchFlowPrometheusExporter {
  const exporter = new BatchFlowPrometheusExporter({ port: 0, ...options })
  exporters.push(exporter)
  return exporter
}

function setUp(options: PrometheusExporterOptions = {}) {
  const exporter = create(options)
  const meter = new MeterProvider({ readers: [exporter] }).getMeter('application')
  return { exporter, meter }
}

async function scrape(exporter: BatchFlowPrometheusExporter, accept: string) {
  const { url } = await exporter.listening()
  const response = await fetch(url, { headers: { accept } })
  const { status, headers } = response
  return { status, type: headers.get('content-type'), vary: headers.get('vary'), body: await response.text() }
}

test('any provider is served, in the format asked for', async () => {
  const { exporter, meter } = setUp()
  meter.createCounter('jobs').add(2)
  const text = await scrape(exporter, '*/*')
  assert.is(text.type, 'text/plain; version=0.0.4; charset=utf-8')
  assert.is(text.vary, 'Accept, Accept-Encoding')
  assert.match(text.body, '# TYPE jobs_total counter\n')
  const openmetrics = await scrape(exporter, 'application/openmetrics-text;version=1.0.0')
  assert.is(openmetrics.type, 'application/openmetrics-text; version=1.0.0; charset=utf-8')
  assert.match(openmetrics.body, '# TYPE jobs counter\n')
  assert.match(openmetrics.body, /\n# EOF\n$/)
})

test('NodeSDK takes it as a metric reader', async () => {
  const exporter = new BatchFlowPrometheusExporter({ port: 0 })
  const sdk = new NodeSDK({ metricReaders: [exporter], autoDetectResources: false, spanProcessors: [] })
  sdk.start()
  metrics.getMeter('application').createCounter('jobs').add(2)
  assert.match((await scrape(exporter, '*/*')).body, 'jobs_total{otel_scope_name="application"} 2\n')
  await sdk.shutdown()
  metrics.disable()
})

test('counts are cumulative', async () => {
  const { exporter, meter } = setUp()
  const counter = meter.createCounter('jobs')
  counter.add(1)
  await exporter.page()
  counter.add(1)
  assert.match(await exporter.page(), /jobs_total\{[^}]*\} 2\n$/)
})

test('a callback that never answers costs its own metric only', async () => {
  const { exporter, meter } = setUp({ callbackTimeout: 1 })
  meter.createCounter('jobs').add(1)
  meter.createObservableGauge('hanging').addCallback(() => new Promise(() => {}))
  let page = ''
  const heard = await diagnosticsOf(async () => {
    page = await exporter.page()
  })
  assert.match(page, /jobs_total\{[^}]*\} 1\n/)
  assert.equal(heard, ['error: batchflow-otel: some metrics could not be collected'])
})

test('names that clash are said once, not at every scrape', async () => {
  const { exporter, meter } = setUp()
  meter.createCounter('jobs').add(1)
  meter.createGauge('jobs_total').record(5)
  const heard = await diagnosticsOf(async () => {
    await exporter.page()
    await exporter.page('openmetrics')
  })
  const said = 'the gauge "jobs_total" is left out: its names clash with those of the counter "jobs"'
  assert.equal(heard, [`warn: batchflow-otel: ${said}`])
})

test('a scrape before there is a provider is a 500, and the next one is answered', async () => {
  const exporter = create()
  const heard = await diagnosticsOf(async () => {
    assert.is((await scrape(exporter, '*/*')).status, 500)
  })
  assert.equal(heard, ['error: batchflow-otel: a scrape failed'])
  new MeterProvider({ readers: [exporter] })
  assert.is((await scrape(exporter, '*/*')).status, 200)
})

test('exemplars are kept until it shuts down', async () => {
  const { exporter, table } = pageRig()
  const users = table('users')
  users.observeExecuteDuration(1, 'success', undefined, contextOf())
  assert.is([...exemplarStore().noted()].length, 1)
  await exporter.shutdown()
  assert.is([...exemplarStore().noted()].length, 0)
  users.observeExecuteDuration(1, 'success', undefined, contextOf())
  assert.is([...exemplarStore().noted()].length, 0)
})

test('it closes with its provider', async () => {
  const exporter = create()
  const provider = new MeterProvider({ readers: [exporter] })
  const { url } = await exporter.listening()
  await provider.forceFlush()
  await provider.shutdown()
  exporters.splice(0)
  assert.is(await fetch(url).catch((error) => error.cause.code), 'ECONNREFUSED')
})

test('told not to listen, it answers the requests of another server, whatever their path', async () => {
  const { exporter, meter } = setUp({ listen: false })
  meter.createCounter('jobs').add(2)
  const server = createHttpServer((request, response) => exporter.handle(request, response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/internal/numbers`
  const accept = 'application/openmetrics-text'
  assert.match(await (await fetch(url, { headers: { accept } })).text(), /^jobs_total\{[^}]*\} 2\n(.*\n)*# EOF\n$/m)
  assert.is((await fetch(url, { method: 'POST' })).status, 405)
  const heard = await diagnosticsOf(async () => {
    await exporter.shutdown()
    assert.is((await fetch(url)).status, 500)
  })
  assert.equal(heard, ['error: batchflow-otel: a scrape failed'])
  exporters.splice(0)
  server.close()
  server.closeAllConnections()
})

test('told not to listen, it has no address', async () => {
  const message = 'BatchFlowPrometheusExporter: listen is false'
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, () => create({ listen: false }).listening())
})

async function takenPort(): Promise<{ port: number; close(): void }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as { port: number }).port, close: () => server.close() }
}

test('a port that is taken is a process warning, and the provider works without a page', async () => {
  const { port, close } = await takenPort()
  const warned = once(process, 'warning')
  const { exporter } = setUp({ port })
  const [warning] = await warned
  const taken = `port ${port} on 127.0.0.1 is taken: stop the process that listens there, or give another port; 0 finds a free one`
  assert.is(warning.code, 'BATCHFLOW_PORT')
  assert.is(warning.message, `BatchFlowPrometheusExporter: ${taken}`)
  assert.match(await exporter.page(), 'target_info')
  close()
})

test('who awaits listening() gets the error instead', async () => {
  const { port, close } = await takenPort()
  const exporter = create({ port })
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  const taken = new RegExp(`^port ${port} on 127.0.0.1 is taken`)
  await rejectsWith(BatchFlowError, 'ERR_BATCHFLOW_PORT', taken, () => exporter.listening())
  assert.is((await exporter.listening().catch((error) => error)).cause.code, 'EADDRINUSE')
  await new Promise(setImmediate) // a warning is told in a turn of its own
  process.off('warning', note)
  assert.equal(warnings, [])
  close()
})

test('bad options are refused by name', async () => {
  const refused = (message: string, options: PrometheusExporterOptions) =>
    rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', `BatchFlowPrometheusExporter: ${message}`, () => create(options))
  await refused('port must be an integer from 0 to 65535, received -1', { port: -1 })
  await refused('host must be a non-empty string, received ""', { host: '' })
  const timeout = 'callbackTimeout must be an integer from 1 to 2147483647, received'
  await refused(`${timeout} 0`, { callbackTimeout: 0 })
  await refused(`${timeout} Infinity`, { callbackTimeout: Number.POSITIVE_INFINITY })
  await refused('listen must be true or false, received 1', { listen: 1 as never })
})

test.run()
