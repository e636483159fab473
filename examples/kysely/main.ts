/**
 * A service that has Kysely, which reads; what comes row by row is written in batches, and held against the same interface:
 *
 *     node --import tsx examples/kysely/main.ts
 *     curl -i localhost:3000/views --json '{"product":"tea"}'
 *     curl -i localhost:3000/orders --json '{"id":"7f2c2a52-7f2c-4c0e-8d2c-0e2b6f2d9a11","product":"tea","quantity":2}'
 *     curl -i localhost:3000/orders/7f2c2a52-7f2c-4c0e-8d2c-0e2b6f2d9a11
 *     curl -i localhost:3000/health/readyz
 *
 * Listens on `HOST`:`PORT` (127.0.0.1:3000); sends telemetry to `OTEL_EXPORTER_OTLP_ENDPOINT`; uses the PostgreSQL of
 * `DATABASE_URL`, or boots one. On SIGTERM or Ctrl-C it answers what it has accepted, writes it, and ends.
 */
import '../shared/telemetry.ts'
import type { AddressInfo } from 'node:net'
import { BatchFlow, closeOnSignals, healthHandler } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import express, { type ErrorRequestHandler } from 'express'
import { Kysely, PostgresDialect } from 'kysely'
import { openPostgres } from '../shared/postgres.ts'
import { SCHEMA, statusOf } from '../shared/shop.ts'
import { stopServing } from '../shared/stop-serving.ts'
import { stopTelemetry } from '../shared/telemetry.ts'
import { type Database, orders, views } from './schema.ts'

const { HOST: host = '127.0.0.1', PORT: port = '3000' } = process.env

const postgres = await openPostgres(SCHEMA)
const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: postgres.pool }) })
// Both have one pool, and `check` compares the columns with those of the database.
const executor = postgresExecutor(postgres.pool).withConcurrencyLimit(4)
const flow = new BatchFlow(executor, { flushInterval: 20, check: true })

const app = express()
app.use('/health', healthHandler(flow))
app.use(express.json())

app.post('/views', async ({ body }, response) => {
  await flow.submit(views, { product: body.product, at: new Date() }) // accepted
  response.sendStatus(202)
})

app.post('/orders', async ({ body: { id, product, quantity } }, response) => {
  await flow.write(orders, { id, product, quantity }) // committed
  response.sendStatus(201)
})

app.get('/orders/:id', async ({ params: { id } }, response) => {
  const order = await db.selectFrom('orders').selectAll().where('id', '=', id).executeTakeFirst()
  if (order === undefined) response.sendStatus(404)
  else response.json(order)
})

const refused: ErrorRequestHandler = (error, _request, response, _next) => {
  response.status(statusOf(error)).send(String(error))
}
app.use(refused)

const server = app.listen(Number(port), host, () => {
  console.log(`listening on http://${host}:${(server.address() as AddressInfo).port}`)
})
closeOnSignals(flow, {
  first: () => stopServing(server),
  last: async ({ committed, failed }) => {
    await postgres.close()
    await stopTelemetry()
    console.log(`${committed} rows committed, ${failed} failed`)
  },
})
