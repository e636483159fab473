/**
 * No line of set-up in the application: it is in the environment.
 *
 *     NODE_OPTIONS='--require @opentelemetry/auto-instrumentations-node/register' \
 *     OTEL_SERVICE_NAME=shop OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 \
 *     node --import tsx examples/recipes/auto-instrumentations.ts
 *
 * Uses the PostgreSQL of `DATABASE_URL`, or boots one.
 */
import { trace } from '@opentelemetry/api'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { BatchFlowInstrumentation } from 'batchflow-otel/otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { openPostgres } from '../shared/postgres.ts'

// It finds the SDK that was registered before this module was loaded; `pg` makes spans of kind CLIENT already.
new BatchFlowInstrumentation({ attemptSpans: 'internal' })

const visits = defineTable<{ page: string }>('visits', { columns: ['page'] })
const postgres = await openPostgres('CREATE TABLE IF NOT EXISTS visits (page text NOT NULL)')
await using flow = new BatchFlow(postgresExecutor(postgres.pool))
await trace.getTracer('pretended request').startActiveSpan('GET /', async (span) => {
  const { traceId } = await flow.write(visits, { page: '/' })
  span.end()
  console.log(`committed; the batch is in trace ${traceId}`)
})
await flow.close()
await postgres.close()
