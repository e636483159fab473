import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { BatchFlow, createExecutor, defineTable } from 'batchflow-otel'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { httpDriver } from '../../examples/custom-driver.ts'

const test = suite('a driver of your own')

interface Hit {
  page: string
  visits: number
}

const hits = defineTable<Hit>('web.`hits', { columns: ['page', 'visits'] })

interface Received {
  query: string | null
  rows: Hit[]
}

/** A server that takes JSON lines; `statusOf` decides what it answers. */
async function serve(statusOf: (request: Received, n: number) => number, port = 0) {
  const received: Received[] = []
  const server: Server = createServer(async (request, response) => {
    if (request.url === '/ping') return response.end('Ok.')
    const query = new URL(request.url!, 'http://localhost').searchParams.get('query')
    const rows = (await text(request)).split('\n').map((line) => JSON.parse(line))
    const status = statusOf({ query, rows }, received.length)
    received.push({ query, rows })
    if (status === 0) request.socket.destroy()
    else response.writeHead(status).end('quoted rows')
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, received, stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()) }
}

test('sends a batch as JSON lines, identifiers quoted', async () => {
  const { url, received, stop } = await serve(() => 200)
  await using flow = new BatchFlow(createExecutor(httpDriver(url)))
  await flow.submitMany(hits, [
    { page: '/', visits: 1 },
    { page: '/"quoted"\n', visits: 2, secret: 'not a column' } as Hit,
  ])
  await flow.flush()
  assert.equal(received, [
    {
      query: 'INSERT INTO `web`.`\\`hits` (`page`, `visits`) FORMAT JSONEachRow',
      rows: [
        { page: '/', visits: 1 },
        { page: '/"quoted"\n', visits: 2 },
      ],
    },
  ])
  await stop()
})

test('objects inside a row keep their keys', async () => {
  const { url, received, stop } = await serve(() => 200)
  const flow = new BatchFlow(createExecutor(httpDriver(url)))
  const events = defineTable<{ name: string; detail: object }>('events', { columns: ['name', 'detail'] })
  const event = { name: 'sign-up', detail: { plan: 'free', from: { page: '/' } } }
  await flow.submit(events, event)
  await flow.close()
  assert.equal(received[0]?.rows, [event])
  await stop()
})

test('a row that has no JSON fails alone, as invalid data', async () => {
  const { url, received, stop } = await serve(() => 200)
  const flow = new BatchFlow(createExecutor(httpDriver(url)))
  const [good, bad] = await flow.writeMany(hits, [
    { page: '/', visits: 1 },
    { page: '/', visits: 2n as unknown as number },
  ])
  assert.is(good?.status, 'fulfilled')
  assert.is(bad?.status === 'rejected' && bad.reason.reason, 'invalid_data')
  assert.equal(
    received.flatMap(({ rows }) => rows),
    [{ page: '/', visits: 1 }],
  )
  await flow.close()
  await stop()
})

test('the driver passes on the question about an error it does not know', () => {
  assert.is(httpDriver('http://localhost').classify?.(new TypeError('a slip in the program')), undefined)
})

test('the core does the rest: retries, and isolates the row that is refused', async () => {
  const { url, received, stop } = await serve(({ rows }, n) => {
    if (n === 0) return 503
    if (n === 1) return 0
    return rows.some(({ visits }) => visits < 0) ? 400 : 200
  })
  const executor = createExecutor(httpDriver(url)).withRetry({ maxAttempts: 3, backoffBase: 1 })
  const flow = new BatchFlow(executor, { flushSize: 4 })
  const outcome = await flow.writeMany(
    hits,
    [1, 2, -3, 4].map((visits) => ({ page: '/', visits })),
  )
  assert.equal(
    outcome.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  )
  assert.ok(received.length > 3)
  await flow.close()
  await stop()
})

test('a server that is not there', async () => {
  const { url, stop } = await serve(() => 200)
  await stop()
  const flow = new BatchFlow(createExecutor(httpDriver(url)).withRetry(false), { flushSize: 1 })
  await flow.write(hits, { page: '/', visits: 1 }).then(
    () => assert.unreachable('nobody was there to take it'),
    (error) => assert.is(error.reason, 'connection'),
  )
  await flow.close()
})

test('it is waited for when it is away', async () => {
  const away = await serve(() => 200)
  await away.stop()
  const flow = new BatchFlow(createExecutor(httpDriver(away.url)), { flushSize: 1 })
  const write = flow.write(hits, { page: '/', visits: 1 })
  const isAway = () => flow.stats().outage !== undefined
  while (!isAway()) await new Promise((resolve) => setImmediate(resolve))
  const { stop } = await serve(() => 200, Number(new URL(away.url).port))
  await write
  assert.not(isAway())
  await flow.close()
  await stop()
})

test.run()
