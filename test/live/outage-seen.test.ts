import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import type { OutageLogLine } from '../../src/flow/log-line.ts'
import { METRICS, OtelMetricsReporter, OtelTracing } from '../../src/telemetry/index.ts'
import { type AnyRow, Scene } from '../support/databases/postgres.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { MetricsUnderTest } from '../support/telemetry/otel-metrics.ts'
import { Traces } from '../support/telemetry/traces.ts'

const test = suite('an outage seen from outside')

let scene: Scene
let proxy: FaultProxy
let pool: pg.Pool

test.before(async () => {
  scene = await Scene.open()
  const url = new URL(scene.url)
  proxy = await FaultProxy.open(url.hostname, Number(url.port || 5432))
  url.port = String(proxy.port)
  pool = new pg.Pool({ connectionString: url.href, options: `-c search_path=${scene.schema}`, max: 2 })
  pool.on('error', () => undefined) // idle connections that the proxy has cut
})

test.after(async () => {
  await pool.end()
  await proxy.close()
  await scene.close()
})

/** Lines of outages, and a promise of the next one. */
function outageLogger() {
  const lines: OutageLogLine[] = []
  let told = () => {}
  const write = (line: object) => {
    lines.push(line as OutageLogLine)
    told()
  }
  const next = () => new Promise<void>((resolve) => (told = resolve))
  return { lines, next, logger: { info: write, warn: write, error: write } }
}

test('log, metrics and spans tell of a network that breaks and comes back, and of no value of a row', async () => {
  const table = defineTable<AnyRow>(await scene.table('id int, name text'), { columns: ['id', 'name'] })
  const [metrics, traces, { lines, next, logger }] = [new MetricsUnderTest(), new Traces(), outageLogger()]
  const executor = postgresExecutor(pool)
    .withRetry({ backoffBase: 20, maxBackoff: 100 })
    .withMetricsReporter(new OtelMetricsReporter({ meterProvider: metrics.provider }))
    .withTracing(new OtelTracing({ tracerProvider: traces.provider }))
  const flow = new BatchFlow(executor, { flushSize: 1, log: { logger, sample: 'errors' } })
  await flow.write(table, { id: 0, name: 'before' })

  proxy.fault = 'reset'
  proxy.cut()
  const began = next()
  const write = flow.write(table, { id: 1, name: 'a secret' })
  await began
  const of = { database: 'postgres' }
  assert.equal(await metrics.points(METRICS.executorPaused.name), [[of, 1]])
  assert.equal(await metrics.points(METRICS.executorOutages.name), [[{ ...of, reason: 'connection' }, 1]])

  const ended = next()
  proxy.fault = 'none'
  await Promise.all([write, ended])
  assert.equal(await metrics.points(METRICS.executorPaused.name), [[of, 0]])
  assert.equal(
    lines.map(({ outage, database, reason, waiting }) => [outage, database, reason, waiting]),
    [
      ['began', 'postgres', 'connection', 1],
      ['ended', 'postgres', 'connection', 1],
    ],
  )
  assert.ok(lines[1]!.durationMs! > 0 && lines[1]!.looks! > 0)
  assert.ok(lines[0]!.detail)
  assert.not.match(JSON.stringify(lines), 'secret')
  const batch = traces.named('batchflow.batch').at(-1)
  assert.equal(
    batch!.events.map(({ name }) => name),
    ['batchflow.outage.began', 'batchflow.outage.ended'],
  )
  await flow.close()
})

test.run()
