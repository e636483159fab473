/**
 * Metrics and traces of batches over OTLP, next to those of `pg`:
 *
 *     OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 node --import tsx examples/nodesdk-otlp/main.ts
 *
 * Writes one row in each of a hundred pretended requests, and says where the batch of the last one is to be found. Uses
 * the PostgreSQL of `DATABASE_URL`, or boots one.
 */
import '../shared/telemetry.ts'
import { trace } from '@opentelemetry/api'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { openPostgres } from '../shared/postgres.ts'
import { stopTelemetry } from '../shared/telemetry.ts'

interface Visit {
  readonly page: string
  readonly at: Date
}

const visits = defineTable<Visit>('visits', { columns: ['page', 'at'] })
const tracer = trace.getTracer('pretended requests')

const postgres = await openPostgres('CREATE TABLE IF NOT EXISTS visits (page text NOT NULL, at timestamptz NOT NULL)')
const flow = new BatchFlow(postgresExecutor(postgres.pool).withConcurrencyLimit(4), { flushSize: 50 })

const requests = Array.from({ length: 100 }, (_, i) =>
  tracer.startActiveSpan(`GET /page/${i}`, async (span) => {
    const receipt = await flow.write(visits, { page: `/page/${i}`, at: new Date() })
    span.end()
    return receipt
  }),
)
const { rows, traceId, spanId } = (await Promise.all(requests)).at(-1)!
const { committed } = await flow.close()
console.log(`${committed} rows committed; the last of them in a batch of ${rows}: trace ${traceId}, span ${spanId}`)

await postgres.close()
await stopTelemetry()
