import { get } from 'node:http'
import { BatchFlow, createExecutor, defineTable } from 'batchflow-otel'
import { OtelMetricsReporter } from 'batchflow-otel/otel'
import { startPrometheus } from 'batchflow-otel/prometheus'
import type { Pool } from 'pg'
import type { Bench } from '../support/case.ts'
import { median, quantile } from '../support/compare.ts'
import { events } from '../support/events.ts'
import { oneByOne } from '../support/flow-contender.ts'
import { instant } from '../support/instant.ts'
import { spreadOf, type Yardstick } from '../support/line.ts'
import { copyBatch, eventTable, executorFor, inBatches, withPostgres } from '../support/postgres.ts'
import { otelReporter } from '../support/telemetry.ts'

const TABLE = 'bench_event_loop'
const SIZE = 500
const TABLES = 61
/** ms */
const LONGEST_BLOCK = 20

interface Held {
  /** ms, 99 of 100 turns of the event loop were shorter. */
  readonly p99: number
  readonly longest: number
  /** µs */
  readonly cpu: number
}

/** How long others have to wait for the event loop: at full rate, and while the metrics page of 61 tables is made. */
export default async (bench: Bench) => {
  await withPostgres([TABLE], (pool) => atFullRate(bench, pool))
  await scrape(bench)
}

async function atFullRate(bench: Bench, pool: Pool): Promise<void> {
  const { settings } = bench
  const table = await eventTable(pool, TABLE)
  const rows = events(settings.rows)
  const flow = new BatchFlow(executorFor(pool).withMetricsReporter(otelReporter()), { flushSize: SIZE })
  const ours = () => oneByOne(flow, table, rows).then(() => flow.flush())
  const theirs = () => inBatches(rows, SIZE, (batch) => copyBatch(pool, TABLE, batch))
  const rounds: { readonly flow: Held; readonly loop: Held }[] = []
  for (let round = 0; round <= settings.rounds; round++) {
    const taken = { flow: await heldUp(ours, settings.yardstick), loop: await heldUp(theirs, settings.yardstick) }
    await pool.query(`TRUNCATE ${TABLE}`)
    if (round > 0) rounds.push(taken)
  }
  await flow.close()
  const of = (who: 'flow' | 'loop', what: keyof Held) => median(rounds.map((round) => round[who][what]))
  bench.add({
    name: 'event loop delay p99',
    target: '≤ 1.5',
    ...spreadOf(rounds.map(({ flow, loop }) => flow.p99 / loop.p99)),
    cpu: of('flow', 'cpu') / rows.length,
    cpuOther: of('loop', 'cpu') / rows.length,
    figures: `${of('flow', 'p99').toFixed(1)} against ${of('loop', 'p99').toFixed(1)} ms, at a rate of its own each`,
  })
}

async function scrape(bench: Bench): Promise<void> {
  const endpoint = await startPrometheus({ port: 0 })
  const reporter = new OtelMetricsReporter({ meterProvider: endpoint.meterProvider })
  const flow = new BatchFlow(createExecutor(instant).withMetricsReporter(reporter), { latencySampling: 1 })
  const tables = Array.from({ length: TABLES }, (_, i) => defineTable<{ id: number }>(`t${i}`, { columns: ['id'] }))
  for (let id = 0; id < TABLES * 200; id++) await flow.submit(tables[id % TABLES]!, { id })
  await flow.flush()
  const times: Held[] = []
  for (let time = 0; time < 20; time++) times.push(await heldUp(() => fetched(endpoint.url), bench.settings.yardstick))
  const late = times.slice(10) // the code of the first ones is compiled on the way
  const longest = median(late.map((held) => held.longest))
  bench.add({
    name: 'event loop, a scrape of 61 tables',
    target: '≤ 1',
    ...spreadOf(late.map((held) => held.longest / LONGEST_BLOCK)),
    cpu: median(late.map((held) => held.cpu)),
    cpuOther: 0,
    figures: `blocked for ${longest.toFixed(1)} ms of ${LONGEST_BLOCK}; CPU time is that of a page`,
  })
  await flow.close()
  await endpoint.stop()
}

/** As Prometheus asks for a page; what it does with the page it does elsewhere, so that is left as it comes. */
function fetched(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
      response.resume().on('end', resolve)
    }).on('error', reject)
  })
}

/** How long the turns of the event loop are meanwhile, in ms of time or, on busy machines, of CPU time. */
async function heldUp(act: () => Promise<unknown>, yardstick: Yardstick): Promise<Held> {
  const now = yardstick === 'cpu' ? cpuTime : () => performance.now()
  const turns: number[] = []
  let before = now()
  const watch = setInterval(() => {
    const after = now()
    turns.push(after - before)
    before = after
  }, 1)
  const used = cpuTime()
  await act()
  clearInterval(watch)
  turns.push(now() - before)
  return { p99: quantile(turns, 0.99), longest: Math.max(...turns), cpu: (cpuTime() - used) * 1000 }
}

/** ms */
function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
