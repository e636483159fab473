/**
 * A service in NestJS:
 *
 *     node --import tsx examples/nestjs/main.ts
 *     curl -i localhost:3000/views --json '{"product":"tea"}'
 *     curl -i localhost:3000/orders --json '{"id":"7f2c2a52-7f2c-4c0e-8d2c-0e2b6f2d9a11","product":"tea","quantity":2}'
 *     curl -i localhost:3000/health/readyz
 *
 * Listens on `HOST`:`PORT` (127.0.0.1:3000); sends telemetry to `OTEL_EXPORTER_OTLP_ENDPOINT`; uses the PostgreSQL of
 * `DATABASE_URL`, or boots one. On SIGTERM or Ctrl-C it answers what it has accepted, writes it, and ends.
 */
import '../shared/telemetry.ts'
import 'reflect-metadata'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { BatchFlow } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { openPostgres } from '../shared/postgres.ts'
import { SCHEMA } from '../shared/shop.ts'
import { stopTelemetry } from '../shared/telemetry.ts'
import { BatchFlowModule } from './batchflow.module.ts'
import { ShopController } from './shop.controller.ts'

const { HOST: host = '127.0.0.1', PORT: port = '3000' } = process.env

const postgres = await openPostgres(SCHEMA)
const flow = new BatchFlow(postgresExecutor(postgres.pool).withConcurrencyLimit(4), { flushInterval: 20 })

const batchFlow = BatchFlowModule.forRoot({
  flow,
  closed: async ({ committed, failed }) => {
    await postgres.close()
    await stopTelemetry()
    console.log(`${committed} rows committed, ${failed} failed`)
  },
})

@Module({ imports: [batchFlow], controllers: [ShopController] })
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
app.enableShutdownHooks()
await app.listen(Number(port), host)
console.log(`listening on ${await app.getUrl()}`)
