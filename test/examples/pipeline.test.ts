import { randomBytes, randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ExampleProcess } from '../support/programs/example-process.ts'
import { until } from '../support/prometheus/prometheus.ts'
import { needed, servers } from '../support/servers/servers.ts'
import type { OtlpReceiver, OtlpSpan } from '../support/telemetry/otlp-receiver.ts'

const test = suite('examples/pipeline')

const SERVICE = 'examples/pipeline/service-main.ts'
const WORKER = 'examples/pipeline/worker-main.ts'

/** The trace that a request belongs to, as its sender says. */
type Trace = string

async function post(url: string, body: object): Promise<Trace> {
  const trace = randomBytes(16).toString('hex')
  const traceparent = `00-${trace}-${randomBytes(8).toString('hex')}-01`
  const headers = { 'content-type': 'application/json', traceparent }
  const { status } = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  assert.is(status, 202)
  return trace
}

/** Traces that lead to a batch of the table: it links to them, or is in the only one there is. */
function tracesWritten(receiver: OtlpReceiver, table: string): Set<Trace> {
  const batches = receiver.named(`batchflow.batch ${table}`).filter((span) => isOf(span, 'warehouse'))
  return new Set(batches.flatMap(({ traceId, links }) => [traceId, ...links.map((link) => link.traceId)]))
}

function isOf({ resource }: OtlpSpan, service: string): boolean {
  return resource['service.name'] === service
}

/** A stream of its own in the Redis of all. */
class Log implements AsyncDisposable {
  readonly stream = `example-${randomBytes(6).toString('hex')}`
  readonly #client: Redis

  constructor(url: string) {
    this.#client = new Redis(url)
  }

  /** How many partitions each worker has. */
  async shares(): Promise<number[]> {
    const leases = await this.#client.mget(...this.#partitions.map((name) => `{${name}}:lease:warehouse`))
    const owners = leases.flatMap((lease) => lease?.split(' ')[0] ?? [])
    return [...new Set(owners)].map((owner) => owners.filter((one) => one === owner).length)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const keys = [...this.#partitions, ...(await this.#client.keys(`*${this.stream}:*`))]
    await this.#client.del(...keys)
    this.#client.disconnect()
  }

  get #partitions(): string[] {
    return Array.from({ length: 8 }, (_, partition) => `${this.stream}:${partition}`)
  }
}

const { url } = needed(await servers.redis())
needed(await servers.postgres())

test('every row is written once though a worker is killed, traced from request to batch, and all end in order', async () => {
  await using log = new Log(url)
  const environment = { REDIS_URL: url, STREAM: log.stream, HEALTH_PORT: '0' }
  const asWorker = { ...environment, OTEL_SERVICE_NAME: 'warehouse' }
  await using service = await ExampleProcess.start(SERVICE, { ...environment, OTEL_SERVICE_NAME: 'shop' })
  await using doomed = service.beside(WORKER, asWorker)
  await using worker = service.beside(WORKER, asWorker)
  const [, origin] = await service.says(/listening on (\S+)/)
  await Promise.all([doomed.says(/reading/), worker.says(/reading/)])
  await until('both workers have their share', async () => (await log.shares()).join() === '4,4')

  const id = randomUUID()
  const view = (product: string) => post(`${origin}/views`, { product })
  for (let quantity = 1; quantity <= 20; quantity++) {
    await Promise.all([view(`before ${quantity}`), post(`${origin}/orders`, { id, product: 'tea', quantity })])
  }
  const killed = doomed.kill()
  const after = await Promise.all(Array.from({ length: 100 }, (_, i) => view(`after ${i}`)))
  const last = await post(`${origin}/orders`, { id, product: 'tea', quantity: 99 })
  await killed

  await until('all views are written', async () => (await service.count('views')) >= 120)
  await until('the last order won', async () => {
    const { rows } = await service.database.query('SELECT quantity FROM orders')
    return rows.length === 1 && rows[0].quantity === 99
  })

  const published = await service.terminate()
  assert.is(published.code, 0, published.output)
  assert.match(published.output, /141 messages published, 0 failed/)
  const written = await worker.terminate()
  assert.is(written.code, 0, written.output)
  assert.match(written.output, /\d+ rows committed, 0 failed/)
  const { rows } = await service.database.query('SELECT count(*)::int, count(DISTINCT product)::int AS once FROM views')
  assert.equal(rows, [{ count: 120, once: 120 }], 'each view once')
  assert.equal(await log.shares(), [], 'partitions are given back')

  const { receiver } = service
  const views = tracesWritten(receiver, 'views')
  assert.equal(
    after.filter((trace) => !views.has(trace)),
    [],
  )
  assert.ok(tracesWritten(receiver, 'orders').has(last))
  const kinds = (start: string, name: string) =>
    new Set(receiver.named(start).flatMap((span) => (isOf(span, name) ? [span.kind] : [])))
  assert.equal(kinds('POST', 'shop'), new Set(['SERVER']))
  assert.equal(kinds(`send ${log.stream}`, 'shop'), new Set(['PRODUCER']))
  assert.equal(kinds(`process ${log.stream}`, 'warehouse'), new Set(['CONSUMER']))
})

test.run()
