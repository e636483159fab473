import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type MetricsServer, serveMetrics } from '../../src/prometheus/metrics-server.ts'
import { Scrapes } from '../../src/prometheus/scrapes.ts'
import { diagnosticsOf } from '../support/telemetry/otel-metrics.ts'

const servers: MetricsServer[] = []
const test = suite('metrics server')
test.after.each(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function serve(page: () => Promise<string>) {
  const scrapes = new Scrapes(async () => Buffer.from(await page()))
  const server = await serveMetrics({ host: '127.0.0.1', port: 0, unref: true, scrapes })
  servers.push(server)
  const request = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
    return { status: response.status, allow: response.headers.get('allow'), body: await response.text() }
  }
  return { server, request }
}

test('answers GET and HEAD of /metrics, whatever the query', async () => {
  const { request } = await serve(async () => 'up 1\n')
  assert.equal(await request('/metrics'), { status: 200, allow: null, body: 'up 1\n' })
  assert.equal(await request('/metrics?name[]=up'), { status: 200, allow: null, body: 'up 1\n' })
  assert.equal(await request('/metrics', 'HEAD'), { status: 200, allow: null, body: '' })
})

test('points to /metrics from everywhere else', async () => {
  const { server, request } = await serve(async () => 'up 1\n')
  const body = 'The metrics are at /metrics\n'
  assert.equal(await request('/'), { status: 200, allow: null, body })
  assert.equal(await request('/favicon.ico'), { status: 404, allow: null, body })
  assert.equal(await request('/metrics/'), { status: 404, allow: null, body })
  const { headers } = await fetch(`http://127.0.0.1:${server.port}/`)
  assert.is(headers.get('content-type'), 'text/plain; charset=utf-8')
})

test('refuses to be written to', async () => {
  const { request } = await serve(async () => 'up 1\n')
  const { status, allow } = await request('/metrics', 'POST')
  assert.equal([status, allow], [405, 'GET, HEAD'])
})

test('a page that fails is a 500 without its reason; the next one is served', async () => {
  const pages = [() => Promise.reject(new Error('secret')), async () => 'up 1\n']
  const { request } = await serve(() => pages.shift()!())
  const heard = await diagnosticsOf(async () => {
    const { status, body } = await request('/metrics')
    assert.is(status, 500)
    assert.not.match(body, 'secret')
  })
  assert.is(heard.length, 1)
  assert.is((await request('/metrics')).status, 200)
})

test('what is not HTTP is refused and harms nobody', async () => {
  const { server, request } = await serve(async () => 'up 1\n')
  const socket = connect(server.port, '127.0.0.1')
  socket.write('\0\0\0 nonsense\r\n\r\n')
  assert.match(await text(socket), /^HTTP\/1\.1 400 /)
  assert.is((await request('/metrics')).status, 200)
})

test('close ends a scrape that hangs', async () => {
  let hanging = () => {}
  const reached = new Promise<void>((resolve) => {
    hanging = resolve
  })
  const { server, request } = await serve(() => {
    hanging()
    return new Promise(() => {})
  })
  const outcome = request('/metrics').then(
    () => 'answered',
    () => 'cut off',
  )
  await reached
  await server.close()
  assert.is(await outcome, 'cut off')
})

test.run()
