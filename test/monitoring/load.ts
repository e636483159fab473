/** One load with every kind of trouble, reported by all routes at once. */
import { OtelTracing } from 'batchflow-otel/otel'
import { openBackends } from '../../examples/traffic/backends.ts'
import { startTraffic } from '../../examples/traffic/traffic.ts'
import { servers } from '../support/servers/servers.ts'
import { type Identity, startProviders, startTracing } from './providers.ts'
import type { Otlp } from './routes.ts'

export interface Load {
  readonly databases: readonly string[]
  /** Ends the load and sends what was recorded on its way. The pages are served on. */
  stop(): Promise<void>
  /** Ends the pages, too. */
  end(): Promise<void>
}

export async function startLoad(identity: Identity, otlp: Otlp): Promise<Load> {
  const backends = await openBackends(await reachable(), `batchflow_verify_${process.pid}`)
  const tracing = startTracing(identity, otlp)
  const providers = await startProviders(identity, otlp, 'verify')
  const traffic = startTraffic(backends, { reporter: providers.reporter, tracing: new OtelTracing() })
  return {
    databases: backends.map(({ executor }) => executor.driver.name),
    async stop() {
      await traffic.stop()
      await Promise.all(backends.map((backend) => backend.close()))
      await tracing.shutdown()
    },
    end: () => providers.stop(),
  }
}

async function reachable(): Promise<Record<string, string | undefined>> {
  const [postgres, mysql, redis] = await Promise.all([servers.postgres(), servers.mysql(), servers.redis()])
  return { POSTGRES_URL: postgres?.url, MYSQL_URL: mysql?.url, REDIS_URL: redis?.url, SQLITE_FILE: ':memory:' }
}
