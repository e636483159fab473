/**
 * One page for the metrics of `prom-client` and those of BatchFlow:
 *
 *     PORT=9464 node --import tsx examples/recipes/prom-client.ts
 */
import { createServer } from 'node:http'
import { metrics } from '@opentelemetry/api'
import { MeterProvider } from '@opentelemetry/sdk-metrics'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { OtelMetricsReporter } from 'batchflow-otel/otel'
import { BatchFlowPrometheusExporter } from 'batchflow-otel/prometheus'
import { sqliteExecutor } from 'batchflow-otel/sqlite'
import Database from 'libsql'
import { Counter, collectDefaultMetrics, register } from 'prom-client'

const exporter = new BatchFlowPrometheusExporter({ listen: false })
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [exporter] }))
collectDefaultMetrics()
const requests = new Counter({ name: 'requests_total', help: 'Requests answered' })

const database = new Database(':memory:')
database.exec('CREATE TABLE visits (page text)')
const flow = new BatchFlow(sqliteExecutor(database).withMetricsReporter(new OtelMetricsReporter()))
await flow.write(defineTable<{ page: string }>('visits', { columns: ['page'] }), { page: '/' })

const server = createServer(async (_request, response) => {
  requests.inc()
  const page = (await exporter.page()) + (await register.metrics())
  response.writeHead(200, { 'content-type': register.contentType }).end(page)
})
server.listen(Number(process.env['PORT'] ?? 9464), '127.0.0.1', () => console.log('listening', server.address()))
process.once('SIGTERM', async () => {
  server.close()
  server.closeAllConnections()
  await flow.close()
})
