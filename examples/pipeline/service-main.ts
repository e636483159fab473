/**
 * The service of the pipeline: takes rows over HTTP and publishes them to Redis Streams.
 *
 *     node --import tsx examples/pipeline/service-main.ts
 *     curl -i localhost:3000/views -H 'content-type: application/json' -d '{"product":"tea"}'
 *
 * Listens on `HOST`:`PORT` (127.0.0.1:3000); uses the Redis of `REDIS_URL` (redis://127.0.0.1:6379); sends telemetry to
 * `OTEL_EXPORTER_OTLP_ENDPOINT`. With `RATE` it also sends itself that many requests a second. On SIGTERM or Ctrl-C it answers
 * what it has accepted and ends with 0.
 */
import './telemetry.ts'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { redisStreamsPublisher } from 'batchflow-otel/redis-streams'
import { Redis } from 'ioredis'
import { createService } from './service.ts'
import { LOG } from './tables.ts'
import { stopTelemetry } from './telemetry.ts'
import { visit } from './visitors.ts'

const { HOST: host = '127.0.0.1', PORT: port = '3000', REDIS_URL: redisUrl = 'redis://127.0.0.1:6379' } = process.env
const { RATE: rate = '0' } = process.env

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())

const redis = new Redis(redisUrl, { retryStrategy: (times) => Math.min(times * 50, 500) })
redis.on('error', () => {}) // it connects again by itself; rows that wait meanwhile say so
const publisher = redisStreamsPublisher(redis, LOG)
const server = createService(publisher).listen(Number(port), host)
await once(server, 'listening')
const { port: taken } = server.address() as AddressInfo
console.log(`listening on http://${host}:${taken}`)

const visitors = visit(`http://127.0.0.1:${taken}`, Number(rate), stop.signal)
if (!stop.signal.aborted) await once(stop.signal, 'abort')
await visitors
server.close()
server.closeIdleConnections()
await once(server, 'close')
const { committed, failed } = await publisher.close()
redis.disconnect()
await stopTelemetry()
console.log(`${committed} messages published, ${failed} failed`)
