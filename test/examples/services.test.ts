import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ExampleProcess } from '../support/programs/example-process.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('examples/services')

function post(url: string, body: object): Promise<number> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return fetch(url, init).then(async (response) => {
    await response.arrayBuffer()
    return response.status
  })
}

/** Sends views, each as soon as there is an answer to the one before, until there is none: how many were accepted. */
async function visit(origin: string): Promise<number> {
  for (let accepted = 0; ; accepted++) {
    const status = await post(`${origin}/views`, { product: `tea ${accepted}` }).catch(() => undefined)
    if (status === undefined) return accepted
    assert.is(status, 202, 'no request finds a flow that is closed')
  }
}

/** A request that the server has begun to read; `end` sends the rest, and keeps the connection. */
async function begun(url: string, body: object): Promise<{ end(): Promise<number | undefined> }> {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': text.length, expect: '100-continue' }
  const post = request(url, { method: 'POST', agent: new Agent({ keepAlive: true }), headers })
  post.flushHeaders()
  await once(post, 'continue')
  const end = async () => {
    post.end(text)
    const [response] = (await once(post, 'response')) as [IncomingMessage]
    response.resume()
    return response.statusCode
  }
  return { end }
}

/** A server that has to wait for connections to be idle waits longer than this test may take. */
const PATIENT = `import { Server } from 'node:http'
const { listen } = Server.prototype
Server.prototype.listen = function (...args) {
  this.keepAliveTimeout = 600_000
  return listen.apply(this, args)
}`
const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(PATIENT)}`

/** Those that read as well, by what their tables are declared for. */
const READERS = ['drizzle', 'kysely']

for (const name of ['node-http', 'express', 'nestjs', ...READERS]) {
  test(`${name}: stops in the middle of requests, and every row it accepted is there`, async () => {
    await using example = await ExampleProcess.start(`examples/${name}/main.ts`, { NODE_OPTIONS })
    const [, origin] = await example.says(/listening on (\S+)/)
    const order = { id: randomUUID(), product: 'tea', quantity: 2 }
    assert.is(await post(`${origin}/orders`, order), 201)
    assert.is(await example.count('orders'), 1, 'committed before the answer')
    assert.is(await post(`${origin}/orders`, order), 409)
    if (READERS.includes(name)) assert.equal(await (await fetch(`${origin}/orders/${order.id}`)).json(), order)
    const probes = await Promise.all(['livez', 'readyz'].map((probe) => fetch(`${origin}/health/${probe}`)))
    assert.equal(
      probes.map(({ status }) => status),
      [200, 200],
    )

    const visits = [visit(origin!), visit(origin!), visit(origin!)]
    while ((await example.count('views')) === 0);
    const late = await begun(`${origin}/views`, { product: 'late tea' })
    const ended = example.terminate()
    const accepted = (await Promise.all(visits)).reduce((sum, count) => sum + count, 1)
    assert.is(await late.end(), 202, 'whoever was there is served, and does not stay')
    const { signal, output } = await ended
    assert.is(signal, 'SIGTERM', output)
    assert.match(output, `${accepted + 1} rows committed, 1 failed`)
    assert.is(await example.count('views'), accepted)
    assert.equal([example.counted('views'), example.counted('orders')], [accepted, 1], 'telemetry was flushed')
  })
}

if ((await servers.postgres()) !== undefined) test.run()
