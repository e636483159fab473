import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { metrics } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { FlowProbe } from '../../src/contract/metrics-reporter.ts'
import { pageUrl } from '../../src/prometheus/endpoint-options.ts'
import { type PrometheusEndpoint, type PrometheusOptions, startPrometheus } from '../../src/prometheus/index.ts'
import { METRICS, type MetricSpec, prometheusLabel, prometheusName, prometheusType } from '../../src/telemetry/index.ts'
import { OtelMetricsReporter } from '../../src/telemetry/metrics/otel-reporter.ts'
import { diagnosticsOf, flowProbe, slots } from '../support/telemetry/otel-metrics.ts'

const endpoints: PrometheusEndpoint[] = []
const test = suite('startPrometheus')
test.after.each(async () => {
  for (const endpoint of endpoints.splice(0)) await endpoint.stop()
  metrics.disable()
})

async function start(options: PrometheusOptions = {}): Promise<PrometheusEndpoint> {
  const endpoint = await startPrometheus({ port: 0, ...options })
  endpoints.push(endpoint)
  return endpoint
}

async function scrape(endpoint: PrometheusEndpoint): Promise<string> {
  const response = await fetch(endpoint.url)
  assert.is(response.status, 200)
  assert.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  return response.text()
}

/** Opens a flow with the global provider and records each metric once. */
function recordEverything(
  probe: FlowProbe = flowProbe({ executor: slots(8, 2, { connection: 3 }), queues: { users: 3 } }),
): void {
  const table = new OtelMetricsReporter({ testName: 'signup' }).open(probe)?.table('users')
  assert.ok(table)
  table.observeEnqueueLatency(0.0002)
  table.observeDequeueLatency(0.02)
  table.observeAssembleDuration(0.0003)
  table.observeExecuteDuration(2, 'fail', 'deadlock')
  table.observeProcessDuration(0.5, 'fail')
  table.observeBatchSize(200)
  table.countBatch('fail')
  table.countRecords('fail', 200)
  table.countError('retry', 'connection')
  table.countRejected('full', 4)
  table.countFlush('pressure')
  table.countCoalesced('update', 7)
  table.countDeadLetters('invalid_data', 2)
  table.countSentBytes?.(4096)
  table.countSuperseded?.(4)
  table.countDeleted?.(3)
}

/** Label names by series name, from every sample of a page. */
function seriesOf(page: string): Map<string, Set<string>> {
  const series = new Map<string, Set<string>>()
  for (const [, name, labels] of page.matchAll(/^(\w+)\{(.*)\} \S+$/gm)) {
    const names = series.get(name!) ?? new Set()
    for (const [, label] of labels!.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) names.add(label!)
    series.set(name!, names)
  }
  return series
}

/** What a spec looks like on the page; two scope labels are the exporter's. */
function expectedSeries(spec: MetricSpec): [string, string[]][] {
  const name = prometheusName(spec)
  const labels = [...spec.attributes.map(prometheusLabel), 'otel_scope_name', 'otel_scope_version']
  if (spec.kind !== 'histogram') return [[name, labels]]
  return [
    [`${name}_bucket`, [...labels, 'le']],
    [`${name}_sum`, labels],
    [`${name}_count`, labels],
  ]
}

test('the page shows every series of the contract with its type, labels and values, and nothing else of ours', async () => {
  const endpoint = await start()
  recordEverything()
  const page = await scrape(endpoint)
  const series = seriesOf(page)
  const expected = Object.values(METRICS).flatMap(expectedSeries)
  for (const [name, labels] of expected) {
    assert.equal([...(series.get(name) ?? [])].sort(), labels.sort(), name)
  }
  const ours = [...series.keys()].filter((name) => name.startsWith('batchflow_'))
  assert.equal(ours.sort(), expected.map(([name]) => name).sort())
  for (const spec of Object.values(METRICS)) {
    assert.match(page, `# TYPE ${prometheusName(spec)} ${prometheusType(spec)}\n`)
    assert.match(page, `# HELP ${prometheusName(spec)} ${spec.description}\n`)
  }
  const common = 'table="users",database="postgres",test_name="signup"'
  const scope = 'otel_scope_name="batchflow-otel"'
  assert.match(page, `batchflow_records_total{${common},status="fail",${scope}`)
  assert.match(page, `batchflow_errors_total{${common},type="retry:connection",error_type="connection",${scope}`)
  assert.match(page, /batchflow_records_total\{[^}]*status="success"[^}]*\} 0\n/)
  assert.match(page, /batchflow_records_total\{[^}]*status="fail"[^}]*\} 200\n/)
  assert.match(page, /batchflow_execute_duration_seconds_bucket\{[^}]*le="1.024"\} 0\n/)
  assert.match(page, /batchflow_execute_duration_seconds_bucket\{[^}]*le="2.048"\} 1\n/)
  assert.match(page, /batchflow_executor_concurrency\{database="postgres",test_name="signup",[^}]*\} 8\n/)
  assert.match(page, /batchflow_executor_outages_total\{database="postgres",[^}]*reason="connection",[^}]*\} 3\n/)
})

if (spawnSync('promtool', ['--version']).error === undefined) {
  test('promtool finds nothing to complain about', async () => {
    const endpoint = await start()
    recordEverything()
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await scrape(endpoint) })
    assert.equal({ status, said: `${stdout}${stderr}` }, { status: 0, said: '' })
  })
} else {
  console.log('SKIPPED promtool: apt-get install prometheus')
}

test('the endpoint becomes the global provider until it stops', async () => {
  const warnings: Error[] = []
  const note = (warning: Error) => warnings.push(warning)
  process.on('warning', note)
  const endpoint = await start()
  await new Promise(setImmediate) // a warning is told in a turn of its own
  process.off('warning', note)
  assert.equal(warnings, [])
  assert.is(metrics.getMeterProvider(), endpoint.meterProvider)
  await endpoint.stop()
  assert.is.not(metrics.getMeterProvider(), endpoint.meterProvider)
  const next = await start()
  recordEverything()
  assert.match(await scrape(next), 'batchflow_records_total')
})

/** The message of the next process warning with this code. */
function warningOf(code: string): Promise<string> {
  return new Promise((resolve) => {
    const listen = (warning: Error & { code?: string }) => {
      if (warning.code !== code) return
      process.off('warning', listen)
      resolve(warning.message)
    }
    process.on('warning', listen)
  })
}

test('a global provider that was there first stays, and a warning says what to do', async () => {
  const first = await start()
  const warned = warningOf('BATCHFLOW_METER_PROVIDER')
  const second = await start()
  assert.match(await warned, 'new OtelMetricsReporter({ meterProvider })')
  assert.is(metrics.getMeterProvider(), first.meterProvider)
  await second.stop()
  assert.is(metrics.getMeterProvider(), first.meterProvider, 'stopping the second leaves the first in place')
})

test('setGlobal: false leaves the global provider alone', async () => {
  const before = metrics.getMeterProvider()
  const endpoint = await start({ setGlobal: false })
  assert.is(metrics.getMeterProvider(), before)
  const reporter = new OtelMetricsReporter({ meterProvider: endpoint.meterProvider })
  reporter.open(flowProbe())?.table('users').countFlush('size')
  assert.match(await scrape(endpoint), 'batchflow_pipeline_flushes_total')
})

test('the resource given is on the page', async () => {
  const endpoint = await start({ resource: resourceFromAttributes({ 'service.name': 'shop' }) })
  assert.match(await scrape(endpoint), 'target_info{service_name="shop"} 1\n')
})

test('a view changes what is exported', async () => {
  const views = [{ instrumentName: METRICS.batchSize.name, name: 'renamed.size' }]
  const endpoint = await start({ views })
  recordEverything()
  const page = await scrape(endpoint)
  assert.match(page, 'renamed_size_bucket')
  assert.not.match(page, 'batchflow_batch_size')
})

test('concurrent scrapes all see the same, complete page', async () => {
  const endpoint = await start()
  recordEverything()
  const pages = await Promise.all(Array.from({ length: 8 }, () => scrape(endpoint)))
  assert.is(new Set(pages).size, 1)
  assert.match(pages[0]!, /batchflow_pipeline_queue_length\{[^}]*\} 3\n/)
})

test('an observable callback that throws costs its own metric only', async () => {
  const endpoint = await start()
  recordEverything()
  const gauge = endpoint.meterProvider.getMeter('application').createObservableGauge('broken')
  gauge.addCallback(() => {
    throw new Error('no value today')
  })
  let page = ''
  const heard = await diagnosticsOf(async () => {
    page = await scrape(endpoint)
  })
  assert.match(page, /batchflow_pipeline_queue_length\{[^}]*\} 3\n/)
  assert.equal(heard, ['error: batchflow-otel: some metrics could not be collected'])
})

test('the endpoint closes with its provider, and recording goes on unobserved', async () => {
  const endpoint = await start()
  const table = new OtelMetricsReporter().open(flowProbe())?.table('users')
  await endpoint.meterProvider.shutdown()
  assert.is(await fetch(endpoint.url).catch((error) => error.cause.code), 'ECONNREFUSED')
  table?.countFlush('size')
  await diagnosticsOf(() => endpoint.stop())
})

test('stop closes open connections and may be called again', async () => {
  const endpoint = await start()
  await scrape(endpoint)
  const heard = await diagnosticsOf(async () => {
    await Promise.all([endpoint.stop(), endpoint.stop()])
    await endpoint.stop()
  })
  assert.equal(heard, [], 'the provider is shut down once')
  const [refused] = await once(connect(endpoint.port, '127.0.0.1'), 'error')
  assert.is(refused.code, 'ECONNREFUSED')
  const again = await start({ port: endpoint.port })
  assert.is(again.port, endpoint.port, 'the port is free again')
})

async function refusal(options: PrometheusOptions): Promise<string> {
  try {
    await start(options)
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return `${code} ${message}`
  }
  return 'accepted'
}

test('a port that is taken is named, with what to do, and no provider is left behind', async () => {
  const before = metrics.getMeterProvider()
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  assert.is(
    await refusal({ port }),
    `ERR_BATCHFLOW_PORT port ${port} on 127.0.0.1 is taken: stop the process that listens there, or give another port; 0 finds a free one`,
  )
  assert.is(metrics.getMeterProvider(), before)
  other.close()
})

test('an address that is not of this machine is named', async () => {
  assert.is(
    await refusal({ host: '192.0.2.1' }),
    'ERR_BATCHFLOW_PORT cannot listen on port 0 of 192.0.2.1 (EADDRNOTAVAIL): check host and port',
  )
})

test('bad options are refused by name', async () => {
  const start = 'ERR_BATCHFLOW_OPTION startPrometheus:'
  assert.is(await refusal({ port: 65536 }), `${start} port must be an integer from 0 to 65535, received 65536`)
  assert.is(await refusal({ port: 1.5 }), `${start} port must be an integer from 0 to 65535, received 1.5`)
  assert.is(await refusal({ host: '' }), `${start} host must be a non-empty string, received ""`)
  assert.is(await refusal({ setGlobal: 1 as never }), `${start} setGlobal must be true or false, received 1`)
  assert.is(await refusal({ unref: 'no' as never }), `${start} unref must be true or false, received "no"`)
})

test('the URL can be opened whatever the host', async () => {
  const everywhere = await start({ host: '0.0.0.0' })
  assert.is(everywhere.url, `http://localhost:${everywhere.port}/metrics`)
  const local = await start({ setGlobal: false })
  assert.is(local.url, `http://127.0.0.1:${local.port}/metrics`)
  assert.is(pageUrl('::', 9464), 'http://localhost:9464/metrics')
  assert.is(pageUrl('::1', 9464), 'http://[::1]:9464/metrics')
})

/** A process that starts an endpoint, prints its URL, and has nothing left to do but a client that stays connected. */
function startProcess(options: string): ChildProcess {
  const module = new URL('../../src/prometheus/index.ts', import.meta.url)
  const script = `
    import { once } from 'node:events'
    import { connect } from 'node:net'
    import { startPrometheus } from ${JSON.stringify(module)}
    const endpoint = await startPrometheus({ port: 0, ${options} })
    process.once('SIGTERM', () => endpoint.stop())
    const client = connect(endpoint.port, '127.0.0.1').unref()
    await Promise.all([once(client, 'connect'), fetch(endpoint.url).then((page) => page.text())])
    console.log(endpoint.url)`
  const arguments_ = ['--import', 'tsx', '--input-type=module', '--eval', script]
  return spawn(process.execPath, arguments_, { stdio: ['ignore', 'pipe', 'inherit'] })
}

test('a process that has finished its work ends although the endpoint listens', async () => {
  const [code] = await once(startProcess(''), 'exit')
  assert.is(code, 0)
})

test('with unref: false the endpoint keeps the process until stop()', async () => {
  const child = startProcess('unref: false')
  const [url] = await once(child.stdout!, 'data')
  assert.is((await fetch(String(url).trim())).status, 200)
  child.kill('SIGTERM')
  const [code, signal] = await once(child, 'exit')
  assert.equal([code, signal], [0, null])
})

test.run()
