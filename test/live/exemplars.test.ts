/** Batches written to PostgreSQL, traced; a real Prometheus learns of their traces from the metrics page alone. */
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { startPrometheus } from '../../src/prometheus/index.ts'
import { OtelMetricsReporter, OtelTracing } from '../../src/telemetry/index.ts'
import { Scene } from '../support/databases/postgres.ts'
import { type ExemplarSeries, Prometheus, until } from '../support/prometheus/prometheus.ts'
import { Traces } from '../support/telemetry/traces.ts'

const scene = await Scene.open()
const endpoint = await startPrometheus({ port: 0, setGlobal: false })
const prometheus = await Prometheus.start([{ job: 'app', address: `127.0.0.1:${endpoint.port}` }])
const [sampled, unsampled] = [new Traces(), new Traces(new AlwaysOffSampler())]

const test = suite('exemplars of a real load')
test.after(async () => {
  await prometheus?.stop()
  await endpoint.stop()
  await scene.close()
})

/** Writes each row in a batch of its own to a new table; how it ends does not matter. Returns the table's name. */
async function load(traces: Traces, ids: readonly number[]): Promise<string> {
  const name = await scene.table('id integer PRIMARY KEY')
  const executor = postgresExecutor(scene.pool)
    .withMetricsReporter(new OtelMetricsReporter({ meterProvider: endpoint.meterProvider }))
    .withTracing(new OtelTracing({ tracerProvider: traces.provider }))
  const flow = new BatchFlow(executor, { flushInterval: 1 })
  const table = defineTable<{ id: number }>(name, { columns: ['id'] })
  for (const id of ids) await Promise.allSettled([flow.write(table, { id })])
  await flow.close()
  return name
}

/** The series of a table that have exemplars, when there are some of both statuses. */
function exemplarsOf(prometheus: Prometheus, table: string): Promise<ExemplarSeries[]> {
  return until(`the exemplars of ${table} are stored`, async () => {
    const series = await prometheus.exemplars(`batchflow_execute_duration_seconds_bucket{table="${table}"}`)
    return new Set(series.map(({ seriesLabels }) => seriesLabels['status'])).size === 2 && series
  })
}

if (prometheus !== undefined) {
  test('Prometheus returns the trace of a batch that the span exporter holds, in the right bucket and series', async () => {
    const silent = await load(unsampled, [1, 2, 2])
    const table = await load(sampled, [1, 2, 3, 4, 5, 5])
    const spans = new Map(sampled.named(`batchflow.batch ${table}`).map((span) => [span.spanContext().traceId, span]))
    assert.is(spans.size, 6)
    const series = await exemplarsOf(prometheus, table)
    for (const { seriesLabels, exemplars } of series) {
      for (const { labels, value, timestamp } of exemplars) {
        const span = spans.get(labels['trace_id']!)
        assert.is(labels['span_id'], span?.spanContext().spanId)
        const failed = span?.attributes['error.type']
        assert.equal([seriesLabels['status'], seriesLabels['error_type']], [failed ? 'fail' : 'success', failed])
        const bound = Number(seriesLabels['le']!.replace('+Inf', 'Infinity'))
        assert.ok(Number(value) <= bound && (Number(value) > bound / 2 || bound === 0.0005), `${value} in ${bound}`)
        assert.ok(Math.abs(timestamp - span!.endTime[0]) < 5, `${timestamp} near ${span!.endTime[0]}`)
        assert.ok(Number(value) <= span!.duration[0] + span!.duration[1] / 1e9 + 0.005, 'not longer than its span')
      }
    }
    const others = await prometheus.exemplars(`batchflow_execute_duration_seconds_bucket{table="${silent}"}`)
    assert.equal(others, [], 'batches whose spans are not sampled have none')
    const counted = await prometheus.series(`batchflow_execute_duration_seconds_count{table="${silent}"}`)
    assert.is(counted.length, 2, 'but they are counted')
  })
}

test.run()
