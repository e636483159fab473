import { context, type Tracer, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, ParentBasedSampler, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base'
import { BatchFlow, type Executor, type Table } from 'batchflow-otel'
import { OtelTracing } from 'batchflow-otel/otel'
import type pg from 'pg'
import { type Event, events, eventTable, executorFor, otelReporter } from './database.ts'
import { flowContender } from './flow-contender.ts'
import type { Contender } from './turns.ts'

/** Rows one request submits, inside a span of its own. */
const ROWS_PER_REQUEST = 10
const SAMPLED = 0.01

type Submit = (flow: BatchFlow, table: Table<Event>, rows: readonly Event[]) => Promise<unknown>

/** How a request hands over its rows. */
export const SUBMITS = {
  'row by row': async (flow, table, rows) => {
    for (const row of rows) await flow.submit(table, row)
  },
  'in one call': (flow, table, rows) => flow.submitMany(table, rows),
} satisfies Record<string, Submit>

/** Rows submitted by traced requests, 1% of them sampled: with metrics and traces of the batches, and without. */
export async function tracedContenders(
  pool: pg.Pool,
  count: number,
  size: number,
  submit: Submit,
): Promise<Contender[]> {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const sampler = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(SAMPLED) })
  const tracerProvider = new BasicTracerProvider({ sampler })
  const tracer = tracerProvider.getTracer('bench')
  const table = await eventTable(pool, 'bench_traced')
  const rows = events(count, count)
  const before = () => pool.query('TRUNCATE bench_traced')
  const contender = (name: string, executor: Executor) =>
    flowContender({ name, rows: count, before }, new BatchFlow(executor, { flushSize: size }), (flow) =>
      inRequests(tracer, rows, (part) => submit(flow, table, part)),
    )
  const tracing = new OtelTracing({ tracerProvider })
  return [
    contender('traced', executorFor(pool).withMetricsReporter(otelReporter()).withTracing(tracing)),
    contender('noop', executorFor(pool)),
  ]
}

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
