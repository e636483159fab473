import { context, type Tracer, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider } from '@opentelemetry/sdk-trace'
import { BatchFlow, type Executor, type Table } from 'batchflow-otel'
import { OtelTracing } from 'batchflow-otel/otel'
import type { Bench } from '../support/case.ts'
import { type Event, events } from '../support/events.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'
import { BATCH_SIZES, eventTable, executorFor, withPostgres } from '../support/postgres.ts'
import { otelReporter } from '../support/telemetry.ts'

const TABLE = 'bench_traced'
/** Rows one request submits, inside a span of its own. */
const ROWS_PER_REQUEST = 10
const SAMPLED = 0.01

type Submit = (flow: BatchFlow, table: Table<Event>, rows: readonly Event[]) => Promise<unknown>

/** How a request hands over its rows, and what is to be left of the speed. */
const SUBMITS: readonly { readonly how: string; readonly target: string; readonly submit: Submit }[] = [
  { how: 'row by row', target: '≥ 0.95', submit: oneByOne },
  { how: 'submitMany', target: '≥ 0.97', submit: (flow, table, rows) => flow.submitMany(table, rows) },
]

/** Rows submitted by traced requests, 1% of them sampled: with metrics and traces of the batches, and without. */
export default (bench: Bench) =>
  withPostgres([TABLE], async (pool) => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(SAMPLED) })
    const tracerProvider = new TracerProvider({ sampler })
    const tracer = tracerProvider.getTracer('bench')
    const table = await eventTable(pool, TABLE)
    const rows = events(bench.settings.rows)
    const turn = { rows: rows.length, before: () => pool.query(`TRUNCATE ${TABLE}`) }
    const traced = () =>
      executorFor(pool).withMetricsReporter(otelReporter()).withTracing(new OtelTracing({ tracerProvider }))
    for (const size of BATCH_SIZES) {
      for (const { how, target, submit } of SUBMITS) {
        const contender = (name: string, executor: Executor) =>
          flowContender({ name, ...turn }, new BatchFlow(executor, { flushSize: size }), (flow) =>
            inRequests(tracer, rows, (part) => submit(flow, table, part)),
          )
        await bench.compare(
          `traced requests of ${ROWS_PER_REQUEST} rows, ${how}, batches of ${size}`,
          [contender('traced, reporter on', traced()), contender('off', executorFor(pool))],
          [{ name: `traced ${how} ${size}`, target, of: ['traced, reporter on', 'off'] }],
        )
      }
    }
    context.disable()
  })

async function inRequests(
  tracer: Tracer,
  rows: readonly Event[],
  handle: (rows: readonly Event[]) => Promise<unknown>,
): Promise<void> {
  for (let first = 0; first < rows.length; first += ROWS_PER_REQUEST) {
    const request = tracer.startSpan('request')
    const active = trace.setSpan(context.active(), request)
    await context.with(active, () => handle(rows.slice(first, first + ROWS_PER_REQUEST)))
    request.end()
  }
}
