/** One load with every kind of trouble, reported by all routes at once. */

import { setTimeout as sleep } from 'node:timers/promises'
import { BatchFlow, type MetricsReporter } from 'batchflow-otel'
import { OtelTracing } from 'batchflow-otel/otel'
import { openBackends } from '../../examples/traffic/backends.ts'
import { startTraffic } from '../../examples/traffic/traffic.ts'
import { servers } from '../support/servers/servers.ts'
import { ParcelLog } from './log.ts'
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
  const where = await reachable()
  const redis = where['REDIS_URL']
  const backends = await openBackends(where, `batchflow_verify_${process.pid}`)
  const tracing = startTracing(identity, otlp)
  const providers = await startProviders(identity, otlp, 'verify')
  const traffic = startTraffic(backends, { reporter: providers.reporter, tracing: new OtelTracing() })
  const adaptive = new BatchFlow(
    backends[0]!.executor.withConcurrencyLimit(1).withMetricsReporter(providers.reporter),
    { adaptive: true },
  )
  const deliveries = redis && (await startDeliveries(redis, providers.reporter))
  return {
    databases: backends.map(({ executor }) => executor.driver.name),
    async stop() {
      await traffic.stop()
      if (deliveries) await deliveries()
      await adaptive.close()
      await Promise.all(backends.map((backend) => backend.close()))
      await tracing.shutdown()
    },
    end: () => providers.stop(),
  }
}

const TICK_MS = 50
const KEYS = 50
/** A message that nobody can read comes once in so many ticks. */
const SPOILED_EVERY = 60

/**
 * Rows that go through a durable log, one in ten of them older than what is there, and another one deleted.
 *
 * @returns what ends it
 */
async function startDeliveries(url: string, reporter: MetricsReporter): Promise<() => Promise<void>> {
  const log = await ParcelLog.open(url, `batchflow_verify_${process.pid}_parcels`, reporter)
  const end = new AbortController()
  const publishing = (async () => {
    for (let tick = 1; !end.signal.aborted; tick++) {
      const rows = Array.from({ length: 10 }, (_, i) => ({
        id: (10 * tick + i) % KEYS,
        place: `stop ${tick}`,
        version: i === 0 ? 0 : tick,
      }))
      await log.publish(rows)
      await log.remove({ id: rows[1]!.id, version: tick })
      if (tick % SPOILED_EVERY === 0) await log.spoil()
      await sleep(TICK_MS)
    }
  })()
  return async () => {
    end.abort()
    await publishing
    await log.close()
  }
}

async function reachable(): Promise<Record<string, string | undefined>> {
  const [postgres, mysql, redis] = await Promise.all([servers.postgres(), servers.mysql(), servers.redis()])
  return { POSTGRES_URL: postgres?.url, MYSQL_URL: mysql?.url, REDIS_URL: redis?.url, SQLITE_FILE: ':memory:' }
}
