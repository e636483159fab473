/** The demo: `npm start -- --help` tells what it can do. */
import { once } from 'node:events'
import { DiagConsoleLogger, DiagLogLevel, diag } from '@opentelemetry/api'
import { OtelMetricsReporter, OtelTracing } from 'batchflow-otel/otel'
import { CommanderError } from 'commander'
import { type Endpoint, startEndpoint } from './endpoint.ts'
import { type Load, load } from './load.ts'
import { type DemoOptions, readOptions } from './options.ts'
import { type Progress, showProgress, thousands } from './progress.ts'
import { rehearse } from './rehearsal.ts'
import { openStore } from './stores/open.ts'
import type { Store } from './stores/store.ts'
import { describeSummary, type Summary } from './summary.ts'
import { Tally } from './tally.ts'
import { startTracing } from './tracing.ts'
import { verify } from './verify.ts'

const INTERRUPTED = 130

interface Stage {
  readonly options: DemoOptions
  readonly store: Store
  readonly progress: Progress
  readonly endpoint: Endpoint
  /** Aborted by Ctrl-C. */
  readonly stop: AbortSignal
}

async function main(options: DemoOptions): Promise<number> {
  const stop = stopOnSignal()
  const progress = showProgress(process.stderr)
  const { to: url, schema, concurrency, port } = options
  diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN)
  const tracing = startTracing()
  const endpoint = await explaining(`--port ${port}`, startEndpoint(port, tracing.ring))
  try {
    progress.say(url === undefined ? 'booting PostgreSQL …' : 'connecting …')
    const opening = openStore({ url, schema, connections: concurrency + SPARE_CONNECTIONS })
    const store = await explaining(url === undefined ? 'no database; give one by --to' : '--to', opening)
    try {
      return await show({ options, store, progress, endpoint, stop })
    } finally {
      await store.close()
    }
  } catch (error) {
    if (stop.aborted) return INTERRUPTED
    throw error
  } finally {
    await tracing.shutdown()
    await endpoint.stop()
  }
}

/** One for the lock of the rehearsal, one for cancelling. */
const SPARE_CONNECTIONS = 2

async function show(stage: Stage): Promise<number> {
  const { options, store, progress, endpoint, stop } = stage
  const tally = new Tally(new OtelMetricsReporter({ testName: 'flights_demo' }))
  const executor = store.executor
    .withConcurrencyLimit(options.concurrency)
    .withRetry({ maxAttempts: 3 })
    .withTimeout(10_000)
    .withMetricsReporter(tally)
    .withTracing(new OtelTracing())

  progress.say(`loading ${thousands(options.rows)} flights into ${store.label}; watch it at ${endpoint.page}`)
  const look = () => ({
    rows: tally.of('flights').committed,
    queued: tally.queued,
    inflight: tally.inflight,
    errors: tally.total('failed') + tally.total('retries'),
  })
  const stopWatching = progress.watch(options.rows, look)
  const loaded = await load(executor, { ...options, signal: stop }).finally(stopWatching)
  const summary = await conclude(stage, tally, loaded)
  const rehearsed = stop.aborted ? undefined : await rehearse(store.trouble, executor, tally)

  const details = { keys: loaded.model.contents().daily.rows, coalesced: tally.of('daily_delays').coalesced }
  console.log(describeSummary(summary, { ...details, database: store.label }))
  if (rehearsed !== undefined) console.log(`  ${rehearsed}\n`)
  if (options.json) console.log(JSON.stringify(summary))
  if (summary.interrupted) return INTERRUPTED
  if (!options.exit) await serve(stage)
  return summary.verified && summary.failed === 0 ? 0 : 1
}

async function conclude({ store, stop }: Stage, tally: Tally, { model, seconds, failed }: Load): Promise<Summary> {
  const interrupted = stop.aborted
  const { committed: rows } = tally.of('flights')
  const [batches, differences] = [tally.total('batches'), await verify(store, model)]
  return {
    rows,
    rowsPerSecond: Math.round(rows / seconds),
    batches,
    failed,
    verified: differences.length === 0,
    durationSeconds: round(performance.now() / 1000),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    interrupted,
    differences,
  }
}

async function serve({ progress, endpoint: { page, metrics, traces }, stop }: Stage): Promise<void> {
  progress.say(`serving ${metrics} ${traces === undefined ? '' : `and ${traces} `}until Ctrl-C; what they say: ${page}`)
  if (!stop.aborted) await once(stop, 'abort')
}

/** The first signal asks for an orderly end; the second one gets its way at once. */
function stopOnSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(INTERRUPTED)
      controller.abort()
    })
  }
  return controller.signal
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** Says which option is to be changed when what it asks for is not to be had. */
async function explaining<T>(option: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new Error(`${option}: ${messageOf(error)}`, { cause: error })
  }
}

/** A connection refused on several addresses has no message of its own. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || String((error as NodeJS.ErrnoException).code)
}

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)))
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    console.error(`error: ${messageOf(error)}`)
    process.exitCode = 1
  }
}
