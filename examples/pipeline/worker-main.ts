/**
 * A worker of the pipeline: reads the log and writes its rows to PostgreSQL, each exactly once. Start as many as you like, on as
 * many machines as you like: they share the partitions of the log, and take over those of one that dies.
 *
 *     node --import tsx examples/pipeline/worker-main.ts
 *
 * Uses the PostgreSQL of `DATABASE_URL` and the Redis of `REDIS_URL` (redis://127.0.0.1:6379); answers probes on `HEALTH_PORT`
 * (8082; a second one on the same machine needs another); sends telemetry to `OTEL_EXPORTER_OTLP_ENDPOINT`. On SIGTERM or Ctrl-C it
 * writes what is under way, gives its partitions back and ends with 0.
 */
import './telemetry.ts'
import { createServer } from 'node:http'
import { closeOnSignals, healthHandler } from 'batchflow-otel'
import { consume } from 'batchflow-otel/consume'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { redisStreams } from 'batchflow-otel/redis-streams'
import { Redis } from 'ioredis'
import { openPostgres } from '../shared/postgres.ts'
import { LOG, orders, SCHEMA, views } from './tables.ts'
import { stopTelemetry } from './telemetry.ts'

const { REDIS_URL: redisUrl = 'redis://127.0.0.1:6379', HEALTH_PORT: healthPort = '8082' } = process.env

const postgres = await openPostgres(SCHEMA)
const redis = new Redis(redisUrl, { retryStrategy: (times) => Math.min(times * 50, 500) })
redis.on('error', () => {}) // it connects again by itself, and the worker says when it cannot read

const worker = await consume(
  redisStreams(redis, { ...LOG, group: 'warehouse' }),
  postgresExecutor(postgres.pool).withConcurrencyLimit(4),
  { tables: [views, orders], position: 'database' },
)
const health = createServer(healthHandler(worker)).listen(Number(healthPort))
console.log('reading')

closeOnSignals(worker, {
  timeout: 15_000,
  exit: false, // by itself, with 0, as nothing is left to do
  last: async ({ committed, failed }) => {
    health.close()
    redis.disconnect()
    await postgres.close()
    await stopTelemetry()
    console.log(`${committed} rows committed, ${failed} failed`)
  },
})
