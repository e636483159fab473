/**
 * A worker without HTTP: takes messages from a source as fast as the database takes batches, until it is told to stop.
 *
 *     node --import tsx examples/worker/main.ts
 *
 * Uses the PostgreSQL of `DATABASE_URL`, or boots one; sends telemetry to `OTEL_EXPORTER_OTLP_ENDPOINT`. On SIGTERM or
 * Ctrl-C it takes no more messages, writes those it has taken, and ends with 0; with 1 when rows were not written. (npx
 * passes Ctrl-C on, but no SIGTERM: a supervisor starts `node --import tsx examples/worker/main.ts`.)
 */
import '../shared/telemetry.ts'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { openPostgres } from '../shared/postgres.ts'
import { stopTelemetry } from '../shared/telemetry.ts'
import { type Reading, readings } from './source.ts'

const table = defineTable<Reading>('readings', { columns: ['sensor', 'at', 'celsius'] })

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

const postgres = await openPostgres(
  'CREATE TABLE IF NOT EXISTS readings (sensor integer NOT NULL, at timestamptz NOT NULL, celsius float8 NOT NULL)',
)
const executor = postgresExecutor(postgres.pool).withConcurrencyLimit(2).withRetry({ maxAttempts: 10 })
const flow = new BatchFlow(executor, { flushSize: 1000, bufferSize: 10_000 })

console.log('reading')
try {
  // Ends when the source does, and then only once every row is settled; fails when one of them failed.
  await pipeline(Readable.from(readings(stop.signal)), flow.writable(table))
} catch (error) {
  console.error(String(error))
  process.exitCode = 1
}
const { committed, failed } = await flow.close()
await postgres.close()
await stopTelemetry()
console.log(`${committed} rows committed, ${failed} failed`)
