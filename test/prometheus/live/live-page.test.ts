import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { metrics } from '@opentelemetry/api'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  BatchFlowPrometheusExporter,
  type PrometheusEndpoint,
  type PrometheusOptions,
  startPrometheus,
} from '../../../src/prometheus/index.ts'

const endpoints: PrometheusEndpoint[] = []
const test = suite('live page')
test.after.each(async () => {
  for (const endpoint of endpoints.splice(0)) await endpoint.stop()
  metrics.disable()
})

async function get(options: PrometheusOptions, path = '/', method = 'GET') {
  const endpoint = await startPrometheus({ port: 0, ...options })
  endpoints.push(endpoint)
  const response = await fetch(`http://127.0.0.1:${endpoint.port}${path}`, { method })
  const header = (name: string) => response.headers.get(name)
  return { status: response.status, header, body: await response.text() }
}

test('is off by default', async () => {
  for (const options of [{}, { page: false }]) {
    const { body, header } = await get(options)
    assert.equal([body, header('content-type')], ['The metrics are at /metrics\n', 'text/plain; charset=utf-8'])
  }
})

test('is one page at / that brings all it needs, may load nothing, and is not kept', async () => {
  const { status, body, header } = await get({ page: true })
  assert.is(status, 200)
  assert.is(header('content-type'), 'text/html; charset=utf-8')
  assert.is(header('x-content-type-options'), 'nosniff')
  assert.is(header('cache-control'), 'no-store')
  assert.is(header('referrer-policy'), 'no-referrer')
  assert.is(header('content-length'), String(Buffer.byteLength(body)))
  const policy = header('content-security-policy')!
  assert.match(policy, /^default-src 'none'; script-src 'sha256-[\w+/=]{44}'; style-src 'sha256-[\w+/=]{44}'; /)
  assert.not.match(policy, 'unsafe')
  assert.not.match(body, /<(script|img|iframe)[^>]* src=|<link[^>]*href="(?!data:)|\son\w+=|@import/)
  assert.match(body, 'Copyright (c) 2022 Leon Sorokin', 'the licence of uPlot')
})

test('HEAD has the headers alone; other paths and methods are as before', async () => {
  const head = await get({ page: true }, '/?x', 'HEAD')
  assert.equal([head.status, head.body, head.header('content-type')], [200, '', 'text/html; charset=utf-8'])
  assert.is((await get({ page: true }, '/other')).status, 404)
  const post = await get({ page: true }, '/', 'POST')
  assert.equal([post.status, post.header('allow')], [405, 'GET, HEAD'])
  assert.match((await get({ page: true }, '/metrics')).body, 'target_info')
})

test('what the application says can end no element', async () => {
  const title = '</title></script><script>alert(1)</script>&'
  const { body } = await get({ page: { title, traceUrl: 'https://traces.example.org/{traceId}?</script>' } })
  assert.is(body.match(/<\/?script/g)?.length, 4, 'the settings and the program')
  assert.match(body, '<title>&lt;/title>&lt;/script>&lt;script>alert(1)&lt;/script>&amp;</title>')
  const [, config] = /<script id="config" type="application\/json">(.*)<\/script>/.exec(body)!
  assert.equal(JSON.parse(config!), { title, traceUrl: 'https://traces.example.org/{traceId}?</script>' })
})

test('wrong options are refused by name', () => {
  const make = (page: unknown) => () => new BatchFlowPrometheusExporter({ listen: false, page } as object)
  const received = (text: string) => `traceUrl must be an http or https URL with {traceId} in it, received ${text}`
  const refuses = (page: unknown, message: string) =>
    assert.throws(make(page), (error: Error) => error.name === 'OptionError' && error.message.endsWith(message))
  refuses({ traceUrl: 'javascript:alert("{traceId}")' }, received('"javascript:alert(\\"{traceId}\\")"'))
  refuses({ traceUrl: '/traces/{traceId}' }, received('"/traces/{traceId}"'))
  refuses({ traceUrl: 'https://traces.example.org' }, received('"https://traces.example.org"'))
  refuses({ traceUrl: 7 }, received('7'))
  refuses({ title: '' }, 'page.title must be a non-empty string, received ""')
  refuses({ colour: 'red' }, 'unknown option "colour"; there are title, traceUrl')
  refuses('yes', 'page must be an object, received "yes"')
  make({ title: 'x', traceUrl: 'http://localhost:16686/trace/{traceId}?uiFind={spanId}' })()
})

test('a server of the application serves it where it likes', async () => {
  const exporter = new BatchFlowPrometheusExporter({ listen: false, page: { title: 'Orders' } })
  const server = createServer((request, response) => exporter.handleLivePage(request, response)).listen(0)
  try {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/ops/`)
    assert.match(await response.text(), '<title>Orders</title>')
  } finally {
    server.close()
    server.closeAllConnections()
  }
})

test.run()
