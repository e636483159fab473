/**
 * Workers of one process tree, each with a page and an identity of its own, which it keeps when it is started again:
 *
 *     FIRST_PORT=9464 node --import tsx examples/recipes/cluster.ts
 *
 * Under PM2 the number is in `NODE_APP_INSTANCE`, and the first half of this file is not needed.
 */
import cluster from 'node:cluster'
import { hostname } from 'node:os'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { OtelMetricsReporter } from 'batchflow-otel/otel'
import { startPrometheus } from 'batchflow-otel/prometheus'
import { sqliteExecutor } from 'batchflow-otel/sqlite'
import Database from 'libsql'

const WORKERS = 2

if (cluster.isPrimary) {
  let ending = false
  // Not `worker.id`, which is another one after each restart.
  const start = (instance: number) => {
    const worker = cluster.fork({ NODE_APP_INSTANCE: String(instance) })
    worker.once('exit', () => ending || start(instance))
  }
  for (let instance = 0; instance < WORKERS; instance++) start(instance)
  process.once('SIGTERM', () => {
    ending = true
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM')
  })
} else {
  const instance = Number(process.env['NODE_APP_INSTANCE'])
  const endpoint = await startPrometheus({
    port: Number(process.env['FIRST_PORT'] ?? 9464) + instance,
    resource: resourceFromAttributes({ 'service.name': 'shop', 'service.instance.id': `${hostname()}:${instance}` }),
  })
  const database = new Database(':memory:')
  database.exec('CREATE TABLE visits (page text)')
  const flow = new BatchFlow(sqliteExecutor(database).withMetricsReporter(new OtelMetricsReporter()))
  const visits = defineTable<{ page: string }>('visits', { columns: ['page'] })
  for (let i = 0; i <= instance; i++) await flow.write(visits, { page: '/' })
  console.log(`worker ${instance} (${process.pid}): ${endpoint.url}`)
  process.once('SIGTERM', async () => {
    await flow.close()
    await endpoint.stop()
    process.exit()
  })
}
