import { trace } from '@opentelemetry/api'
import { BatchFlow, type Executor } from 'batchflow-otel'
import { type Flight, readFlights } from './flights.ts'
import { type DailyDelays, Model } from './model.ts'
import { dailyDelays, flights } from './tables.ts'
import { REQUEST_SPAN, TRACER } from './tracing.ts'

export interface Load {
  readonly model: Model
  readonly seconds: number
  /** Rows of both tables that were not committed, for whatever reason. */
  readonly failed: number
}

export interface LoadOptions {
  readonly rows: number
  readonly flushSize: number
  /** Ends the reading; what was accepted until then is still written. */
  readonly signal: AbortSignal
}

/** Rows merged into a waiting one take room until that is written: the default would send `flights` off half empty. */
const BATCHES_BUFFERED = 24

/** The demo's heart: flights arrive in requests; each goes to `flights`, and is added to the totals in `daily_delays`. */
export async function load(executor: Executor, { rows, flushSize, signal }: LoadOptions): Promise<Load> {
  const model = new Model()
  await using flow = new BatchFlow(executor, { flushSize, bufferSize: BATCHES_BUFFERED * flushSize })
  const tracer = trace.getTracer(TRACER)
  const started = performance.now()
  for await (const request of readFlights(rows)) {
    await tracer.startActiveSpan(REQUEST_SPAN, async (span) => {
      await flow.submitMany(flights, request)
      await flow.submitMany(dailyDelays, additions(request, model))
      span.end()
    })
    if (signal.aborted) break
  }
  const { failed, abandoned } = await flow.close()
  return { model, seconds: (performance.now() - started) / 1000, failed: failed + abandoned }
}

function* additions(request: readonly Flight[], model: Model): Generator<DailyDelays> {
  for (const flight of request) yield model.add(flight)
}
