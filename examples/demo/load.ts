import { BatchFlow, type Executor } from 'batchflow-otel'
import { dailyDelays, flights } from './database.ts'
import { readFlights } from './flights.ts'
import { Model } from './model.ts'

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

/** The demo's heart: hands every flight, one by one, to `flights`, and the totals it changes to `daily_delays`. */
export async function load(executor: Executor, { rows, flushSize, signal }: LoadOptions): Promise<Load> {
  const model = new Model()
  await using flow = new BatchFlow(executor, { flushSize, bufferSize: BATCHES_BUFFERED * flushSize })
  const started = performance.now()
  for await (const flight of readFlights(rows)) {
    await flow.submit(flights, flight)
    await flow.submit(dailyDelays, model.add(flight))
    if (signal.aborted) break
  }
  const { failed, abandoned } = await flow.close()
  return { model, seconds: (performance.now() - started) / 1000, failed: failed + abandoned }
}
