/**
 * Traffic to look at on a dashboard, until Ctrl-C:
 *
 *     node --import tsx examples/traffic/main.ts
 *
 * Writes to the databases named in the environment (`POSTGRES_URL`, …), each into tables of its own that are dropped at
 * the end. Metrics are served on `METRICS_HOST`:`METRICS_PORT` (127.0.0.1:9464); `/livez` and `/readyz` on `HEALTH_PORT`
 * (8081) of the same host; traces go to `OTEL_EXPORTER_OTLP_ENDPOINT`, when it is set.
 *
 * It goes on when a database is stopped: rows wait until it is back. Only when it starts must all be there.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { healthHandler } from 'batchflow-otel'
import { OtelMetricsReporter, OtelTracing } from 'batchflow-otel/otel'
import { startPrometheus } from 'batchflow-otel/prometheus'
import { openBackends } from './backends.ts'
import { startTracing } from './tracing.ts'
import { startTraffic } from './traffic.ts'

const { METRICS_HOST: host = '127.0.0.1', METRICS_PORT: port = '9464', HEALTH_PORT: healthPort = '8081' } = process.env

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

const tracing = startTracing()
const endpoint = await startPrometheus({ host, port: Number(port), unref: false })
const backends = await openBackends(process.env, 'batchflow_traffic')
if (backends.length === 0) throw new Error('set at least one of POSTGRES_URL, MYSQL_URL, REDIS_URL, SQLITE_FILE')
const traffic = startTraffic(backends, {
  reporter: new OtelMetricsReporter({ testName: 'traffic' }),
  tracing: tracing === undefined ? undefined : new OtelTracing(),
})
const health = createServer(healthHandler(traffic.flows)).listen(Number(healthPort), host)
console.log(`writing to ${backends.map(({ executor }) => executor.driver.name).join(', ')}; metrics: ${endpoint.url}`)

await once(stop.signal, 'abort')
await traffic.stop()
const left = (what: string) => (error: Error) => console.warn(`${what}: ${error.message}`)
for (const { executor, close } of backends)
  await close().catch(left(`the tables in ${executor.driver.name} are left there`))
health.close()
await endpoint.stop()
await tracing?.shutdown().catch(left('the last traces are lost'))
process.exit() // clients may still try to reach a database that is away
