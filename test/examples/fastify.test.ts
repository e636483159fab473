import { randomUUID } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ExampleProcess } from '../support/programs/example-process.ts'
import { servers } from '../support/servers/servers.ts'
import type { OtlpSpan } from '../support/telemetry/otlp-receiver.ts'

const test = suite('examples/fastify')

function post(url: string, body: object): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
}

test('answers, writes, traces from request to statement, and ends in order with nothing lost', async () => {
  await using example = await ExampleProcess.start('examples/fastify/main.ts')
  const { receiver } = example
  const [, origin] = await example.says(/listening on (\S+)/)

  const views = await Promise.all(
    Array.from({ length: 50 }, (_, i) => post(`${origin}/views`, { product: `tea ${i}` })),
  )
  assert.equal(new Set(views.map(({ status }) => status)), new Set([202]))
  const order = { id: randomUUID(), product: 'tea', quantity: 2 }
  const created = await post(`${origin}/orders`, order)
  assert.is(created.status, 201)
  const { batch } = (await created.json()) as { batch: { traceId: string; spanId: string } }
  assert.is(await example.count('orders'), 1, 'committed before the answer')
  assert.is((await post(`${origin}/orders`, order)).status, 409)
  assert.is((await post(`${origin}/orders`, { ...order, quantity: 0 })).status, 400)

  const ready = await fetch(`${origin}/health/readyz`)
  assert.equal([ready.status, (await fetch(`${origin}/health/livez`)).status], [200, 200])

  const last = post(`${origin}/views`, { product: 'the last one' })
  assert.is((await last).status, 202)
  const { signal, output } = await example.terminate()
  assert.is(signal, 'SIGTERM', output)
  assert.match(output, /52 rows committed, 1 failed/)
  assert.is(await example.count('views'), 51)
  assert.equal([example.counted('views'), example.counted('orders')], [51, 1])

  const span = receiver.named('batchflow.batch orders').find(({ spanId }) => spanId === batch.spanId)
  assert.is(span?.traceId, batch.traceId)
  assert.equal(wayUp(receiver.spans, span!), [
    ['batchflow-otel', 'INTERNAL'],
    ['@fastify/otel', 'INTERNAL'],
    ['@fastify/otel', 'INTERNAL'],
    ['@opentelemetry/instrumentation-http', 'SERVER'],
  ])
  const [attempt] = receiver.childrenOf(span!).filter(({ name }) => name === 'COPY orders')
  assert.ok(receiver.childrenOf(attempt!).some(({ name }) => name.startsWith('pg.query:COPY')))
})

/** Who made the spans from this one to its root, and of which kind. */
function wayUp(spans: readonly OtlpSpan[], from: OtlpSpan): (readonly [scope: string, kind: string])[] {
  const parent = spans.find(({ spanId }) => spanId === from.parentSpanId)
  return [[from.scope, from.kind], ...(parent === undefined ? [] : wayUp(spans, parent))]
}

if ((await servers.postgres()) !== undefined) test.run()
