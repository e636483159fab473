/**
 * Steady traffic with everything a dashboard should show: a load that rises and falls, bursts the database cannot follow,
 * rows a constraint refuses, attempts that time out behind a lock, callers that give up.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Tracer, trace } from '@opentelemetry/api'
import { BatchFlow, type CloseSummary, type Executor, type MetricsReporter, type Tracing } from 'batchflow-otel'
import type { Backend, Feed } from './backend.ts'
import { troubles } from './faults.ts'

export interface TrafficOptions {
  readonly reporter: MetricsReporter
  readonly tracing?: Tracing | undefined
}

export interface Traffic {
  /** One for each backend. */
  readonly flows: readonly BatchFlow[]
  /** Ends the load, writes out what is buffered and leaves the backends open. */
  stop(): Promise<readonly CloseSummary[]>
}

/** Shorter than the ten seconds that Docker leaves a container to end. */
const CLOSE_MS = 5_000
const TICK_MS = 50
const TRIM_MS = 60_000
/** From trough to trough. */
const WAVE_MS = 120_000
const BURST_EVERY_MS = 45_000
const BURST_MS = 3_000
const BURST_FACTOR = 25
/** Rows of one request at most: what a database did not keep up with is not made up for, or it would be ever more. */
const MOST = 5_000

/** Starts writing to all backends until `stop()`. */
export function startTraffic(backends: readonly Backend[], options: TrafficOptions): Traffic {
  const end = new AbortController()
  const runs = backends.map((backend) => start(backend, options, end.signal))
  return {
    flows: runs.map(({ flow }) => flow),
    stop() {
      end.abort()
      return Promise.all(runs.map(({ closed }) => closed))
    },
  }
}

function start(backend: Backend, options: TrafficOptions, end: AbortSignal) {
  const executor = observed(backend.executor, options)
  const flow = new BatchFlow(executor, { bufferSize: 2_000, flushSize: 200, deadLetter: () => {} })
  const tracer = trace.getTracer('traffic')
  const work = Promise.all([
    ...backend.feeds.map((feed) => write(flow, feed, tracer, end)),
    troubles({ backend, executor, end }),
    every(TRIM_MS, () => backend.trim(), end),
  ])
  return { flow, closed: work.then(() => flow.close({ timeout: CLOSE_MS })) }
}

function observed(executor: Executor, { reporter, tracing }: TrafficOptions): Executor {
  const ready = executor
    .withConcurrencyLimit(4)
    .withRetry({ maxAttempts: 8 })
    .withTimeout(300)
    .withMetricsReporter(reporter)
  return tracing === undefined ? ready : ready.withTracing(tracing)
}

/** Each tick is a request of its own that submits what is due, all rows at once as many callers would. */
async function write(flow: BatchFlow, feed: Feed, tracer: Tracer, end: AbortSignal): Promise<void> {
  const start = performance.now()
  let due = 0
  let sent = 0
  for (let last = start; !end.aborted; ) {
    const now = performance.now()
    due += (feed.rowsPerSecond * (now - last) * intensity(now - start)) / 1000
    last = now
    due = Math.min(due, sent + MOST)
    const rows = Array.from({ length: Math.floor(due) - sent }, (_, i) => feed.row(sent + i))
    sent += rows.length
    await tracer.startActiveSpan(`POST /${feed.table.name}`, async (span) => {
      // A caller that waits for room when the load ends has given up.
      await Promise.all(rows.map((row) => flow.submit(feed.table, row, { signal: end }))).catch(() => {})
      span.end()
    })
    await sleep(TICK_MS)
  }
}

/** How heavy the load is after `milliseconds`, 1 on average between the bursts. */
function intensity(milliseconds: number): number {
  const burst = milliseconds % BURST_EVERY_MS > BURST_EVERY_MS - BURST_MS
  return burst ? BURST_FACTOR : 1 - 0.6 * Math.cos((2 * Math.PI * milliseconds) / WAVE_MS)
}

/**
 * Calls `work` again and again, the first time after `milliseconds`, until `end`. A turn that fails, for its database may be
 * away, is put off until the next.
 */
export async function every(milliseconds: number, work: () => Promise<void>, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    await sleep(milliseconds, undefined, { signal: end }).catch(() => {}) // the end of the load is no error
    if (!end.aborted) await work().catch((error) => console.warn(`is put off: ${error.message || error.code}`))
  }
}
