/**
 * A service with nothing but `node:http`:
 *
 *     node --import tsx examples/node-http/main.ts
 *     curl -i localhost:3000/views -d '{"product":"tea"}'
 *     curl -i localhost:3000/orders -d '{"id":"7f2c2a52-7f2c-4c0e-8d2c-0e2b6f2d9a11","product":"tea","quantity":2}'
 *     curl -i localhost:3000/health/readyz
 *
 * Listens on `HOST`:`PORT` (127.0.0.1:3000); sends telemetry to `OTEL_EXPORTER_OTLP_ENDPOINT`; uses the PostgreSQL of
 * `DATABASE_URL`, or boots one. On SIGTERM or Ctrl-C it answers what it has accepted, writes it, and ends.
 */
import '../shared/telemetry.ts'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { BatchFlow, closeOnSignals, healthHandler } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { openPostgres } from '../shared/postgres.ts'
import { type Order, orders, SCHEMA, statusOf, type View, views } from '../shared/shop.ts'
import { stopServing } from '../shared/stop-serving.ts'
import { stopTelemetry } from '../shared/telemetry.ts'

const { HOST: host = '127.0.0.1', PORT: port = '3000' } = process.env

const postgres = await openPostgres(SCHEMA)
const flow = new BatchFlow(postgresExecutor(postgres.pool).withConcurrencyLimit(4), { flushInterval: 20 })
const health = healthHandler(flow)

const server = createServer((request, response) => {
  if (request.url?.startsWith('/health/')) return health(request, response)
  answer(request).then(
    (status) => response.writeHead(status).end(),
    (error) => response.writeHead(statusOf(error)).end(String(error)),
  )
})

async function answer(request: IncomingMessage): Promise<number> {
  switch (`${request.method} ${request.url}`) {
    case 'POST /views': {
      const { product } = (await json(request)) as View
      await flow.submit(views, { product, at: new Date() }) // accepted
      return 202
    }
    case 'POST /orders': {
      const { id, product, quantity } = (await json(request)) as Order
      await flow.write(orders, { id, product, quantity }) // committed
      return 201
    }
    default:
      return 404
  }
}

closeOnSignals(flow, {
  first: () => stopServing(server),
  last: async ({ committed, failed }) => {
    await postgres.close()
    await stopTelemetry()
    console.log(`${committed} rows committed, ${failed} failed`)
  },
})
server.listen(Number(port), host, () => {
  console.log(`listening on http://${host}:${(server.address() as AddressInfo).port}`)
})
