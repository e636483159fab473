/**
 * A service that writes what it is told in batches:
 *
 *     node --import tsx examples/fastify/main.ts
 *     curl -i localhost:3000/views -H 'content-type: application/json' -d '{"product":"tea"}'
 *     curl -i localhost:3000/orders -H 'content-type: application/json' \
 *       -d '{"id":"7f2c2a52-7f2c-4c0e-8d2c-0e2b6f2d9a11","product":"tea","quantity":2}'
 *     curl -i localhost:3000/health/readyz
 *
 * Listens on `HOST`:`PORT` (127.0.0.1:3000); sends telemetry to `OTEL_EXPORTER_OTLP_ENDPOINT`; uses the PostgreSQL of
 * `DATABASE_URL`, or boots one. On SIGTERM or Ctrl-C it answers what it has accepted, writes it, and ends. (npx passes
 * Ctrl-C on, but no SIGTERM: a supervisor starts `node --import tsx examples/fastify/main.ts`.)
 */
import './telemetry.ts'
import { BatchFlow, closeOnSignals } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { openPostgres } from '../shared/postgres.ts'
import { SCHEMA } from '../shared/shop.ts'
import { createApp } from './app.ts'
import { stopTelemetry } from './telemetry.ts'

const { HOST: host = '127.0.0.1', PORT: port = '3000' } = process.env

const postgres = await openPostgres(SCHEMA)
const executor = postgresExecutor(postgres.pool).withConcurrencyLimit(4).withTimeout(5000)
const flow = new BatchFlow(executor, {
  flushInterval: 20,
  deadLetter: (letters) => console.error(`${letters.length} rows of ${letters[0]?.table} could not be written`),
})
const app = createApp(flow)

// In the order of the way of a row: no more requests, then no more rows, then no more connections, and last of all the
// telemetry that tells of them.
closeOnSignals(flow, {
  first: () => app.close(),
  last: async ({ committed, failed }) => {
    await postgres.close()
    await stopTelemetry()
    console.log(`${committed} rows committed, ${failed} failed`)
  },
})
console.log(`listening on ${await app.listen({ host, port: Number(port) })}`)
