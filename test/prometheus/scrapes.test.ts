import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { PageFormat } from '../../src/prometheus/negotiate.ts'
import { type Page, Scrapes } from '../../src/prometheus/scrapes.ts'
import { diagnosticsOf } from '../support/telemetry/otel-metrics.ts'

const servers: Server[] = []
const test = suite('scrapes')
test.after.each(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

interface Asked {
  readonly status: number | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** A server whose scrapes are counted as they come. */
class Rig {
  readonly port: number
  #arrived = 0
  #expected = { count: 0, reached: () => {} }

  private constructor(server: Server, scrapes: Scrapes) {
    this.port = (server.address() as AddressInfo).port
    server.on('request', (request, response) => {
      void scrapes.answer(request, response)
      this.#arrived++
      if (this.#arrived === this.#expected.count) this.#expected.reached()
    })
  }

  static async start(page: Page, maxSilence?: number): Promise<Rig> {
    const server = createServer().listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    return new Rig(server, new Scrapes(page, maxSilence))
  }

  /** Resolves when so many requests have come in all. */
  arrived(count: number): Promise<void> {
    if (this.#arrived >= count) return Promise.resolve()
    return new Promise((reached) => {
      this.#expected = { count, reached }
    })
  }

  async get(headers: Record<string, string> = {}): Promise<Asked> {
    const [response] = (await once(get({ port: this.port, headers, agent: false }), 'response')) as [IncomingMessage]
    return { status: response.statusCode, headers: response.headers, body: await buffer(response) }
  }

  /** Requests in one write on one connection. */
  pipeline(requests: number): Socket {
    const socket = connect(this.port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n'.repeat(requests))
    return socket
  }
}

/** Resolves when the server has no more than so many. */
function connections(most: number): Promise<void> {
  return new Promise((resolve) => {
    const look = () => servers[0]!.getConnections((_, count) => (count <= most ? resolve() : setImmediate(look)))
    look()
  })
}

/** A page that is rendered when the test says so; counts how often. */
function held() {
  const rendered: PageFormat[] = []
  let finish: (text: string) => void = () => {}
  const page: Page = (format) => {
    rendered.push(format)
    return new Promise((resolve) => {
      finish = (text) => resolve(Buffer.from(text))
    })
  }
  return { rendered, page, finish: (text: string) => finish(text) }
}

const OPENMETRICS = { accept: 'application/openmetrics-text' }

test('who asks while a page is rendered gets that page; who asks later a new one', async () => {
  const { rendered, page, finish } = held()
  const rig = await Rig.start(page)
  const asked = [rig.get(), rig.get(), rig.get({ 'accept-encoding': 'gzip' })]
  await rig.arrived(3)
  finish('up 1\n')
  const [first, second, zipped] = await Promise.all(asked)
  assert.equal([first!.body.toString(), second!.body.toString()], ['up 1\n', 'up 1\n'])
  assert.is(gunzipSync(zipped!.body).toString(), 'up 1\n')
  assert.equal(rendered, ['text'])
  const later = rig.get()
  await rig.arrived(4)
  finish('up 2\n')
  assert.is((await later).body.toString(), 'up 2\n')
})

test('each format has its own page', async () => {
  const rig = await Rig.start(async (format) => Buffer.from(format))
  const pages = await Promise.all([rig.get(), rig.get(OPENMETRICS)])
  assert.equal(
    pages.map(({ body }) => body.toString()),
    ['text', 'openmetrics'],
  )
})

test('a page that fails fails for all who waited, and the next one is rendered anew', async () => {
  const outcomes = [() => Promise.reject(new Error('no')), async () => Buffer.from('up 1\n')]
  const rig = await Rig.start(() => outcomes.shift()!())
  const heard = await diagnosticsOf(async () => {
    assert.is((await rig.get({ 'accept-encoding': 'gzip' })).status, 500)
  })
  assert.equal(heard, ['error: batchflow-otel: a scrape failed'])
  assert.is((await rig.get()).body.toString(), 'up 1\n')
})

test('compressed for whoever takes gzip, with the length of what is sent', async () => {
  const page = 'batchflow_records_total 1\n'.repeat(1_000)
  const rig = await Rig.start(async () => Buffer.from(page))
  const plain = await rig.get()
  assert.is(plain.headers['content-encoding'], undefined)
  assert.is(plain.headers['content-length'], String(page.length))
  assert.is(plain.headers.vary, 'Accept, Accept-Encoding')
  const { headers, body } = await rig.get({ 'accept-encoding': 'deflate, gzip;q=0.5' })
  assert.is(headers['content-encoding'], 'gzip')
  assert.is(headers['content-length'], String(body.byteLength))
  assert.ok(body.byteLength < page.length / 50)
  assert.is(gunzipSync(body).toString(), page)
})

test('past a few at once the answer is 503 with Retry-After, at once, and what is under way is not disturbed', async () => {
  const { rendered, page, finish } = held()
  const rig = await Rig.start(page)
  const asked = Array.from({ length: 8 }, () => rig.get())
  await rig.arrived(8)
  const { status, headers } = await rig.get()
  assert.equal([status, headers['retry-after']], [503, '1'])
  finish('up 1\n')
  for (const { status, body } of await Promise.all(asked)) assert.equal([status, String(body)], [200, 'up 1\n'])
  assert.is(rendered.length, 1)
})

test('300 requests in one write render one page, and the connection is good for the next', async () => {
  let rendered = 0
  const rig = await Rig.start(async () => Buffer.from(`page ${++rendered}\n`))
  const socket = rig.pipeline(300)
  await rig.arrived(300)
  socket.end('GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n')
  const statuses = Array.from((await text(socket)).matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => status)
  assert.is(statuses.length, 301)
  assert.equal(statuses.slice(0, 9), [...Array(8).fill('200'), '503'])
  assert.ok(rendered <= 2)
})

test('one connection may be used again and again', async () => {
  const rig = await Rig.start(async () => Buffer.from('up 1\n'))
  for (let i = 0; i < 10; i++) assert.is(await (await fetch(`http://127.0.0.1:${rig.port}`)).text(), 'up 1\n')
})

test('a connection that breaks gives back the places of all its requests', async () => {
  const { page, finish } = held()
  const rig = await Rig.start(page)
  const socket = rig.pipeline(8)
  await rig.arrived(8)
  assert.is((await rig.get()).status, 503)
  socket.destroy()
  await connections(0)
  const next = Array.from({ length: 8 }, () => rig.get())
  await rig.arrived(17)
  finish('up 1\n')
  for (const { status } of await Promise.all(next)) assert.is(status, 200)
})

test('who takes nothing of the answer is cut off', async () => {
  const rig = await Rig.start(async () => Buffer.alloc(64 * 1024 * 1024, 'x'), 20)
  const socket = rig.pipeline(1)
  socket.pause()
  await rig.arrived(1)
  await connections(0)
  socket.destroy()
})

test.run()
