import { monitorEventLoopDelay } from 'node:perf_hooks'
import { BatchFlow, createExecutor, defineTable } from 'batchflow-otel'
import { OtelMetricsReporter } from 'batchflow-otel/otel'
import { startPrometheus } from 'batchflow-otel/prometheus'
import type { Bench } from '../support/case.ts'
import { median, quantile } from '../support/compare.ts'
import { events } from '../support/events.ts'
import { oneByOne } from '../support/flow-contender.ts'
import { instant } from '../support/instant.ts'
import { copyBatch, eventTable, executorFor, inBatches, withPostgres } from '../support/postgres.ts'
import { otelReporter } from '../support/telemetry.ts'

const TABLE = 'bench_event_loop'
const SIZE = 500
const TABLES = 61
/** ms */
const LONGEST_BLOCK = 20

interface Held {
  /** ms, 99 of 100 timers were late by less. */
  readonly p99: number
  readonly longest: number
  /** µs */
  readonly cpu: number
}

/** How long others have to wait for the event loop: at full rate, and while the metrics page of 61 tables is made. */
export default async (bench: Bench) => {
  await withPostgres([TABLE], async (pool) => {
    const table = await eventTable(pool, TABLE)
    const rows = events(bench.settings.rows)
    const flow = new BatchFlow(executorFor(pool).withMetricsReporter(otelReporter()), { flushSize: SIZE })
    const ours = () => oneByOne(flow, table, rows).then(() => flow.flush())
    const theirs = () => inBatches(rows, SIZE, (batch) => copyBatch(pool, TABLE, batch))
    const rounds: { readonly flow: Held; readonly loop: Held }[] = []
    for (let round = 0; round <= bench.settings.rounds; round++) {
      const taken = { flow: await heldUp(ours), loop: await heldUp(theirs) }
      await pool.query(`TRUNCATE ${TABLE}`)
      if (round > 0) rounds.push(taken)
    }
    await flow.close()
    const ratios = rounds.map(({ flow, loop }) => flow.p99 / loop.p99)
    const of = (who: 'flow' | 'loop', what: keyof Held) => median(rounds.map((round) => round[who][what]))
    bench.add({
      name: 'event loop delay p99',
      target: '≤ 1.5',
      ratio: median(ratios),
      spread: quantile(ratios, 0.75) - quantile(ratios, 0.25),
      cpu: of('flow', 'cpu') / rows.length,
      cpuOther: of('loop', 'cpu') / rows.length,
      figures: `${of('flow', 'p99').toFixed(1)} against ${of('loop', 'p99').toFixed(1)} ms, at a rate of its own each`,
    })
  })
  await scrape(bench)
}

async function scrape(bench: Bench): Promise<void> {
  const endpoint = await startPrometheus({ port: 0 })
  const reporter = new OtelMetricsReporter({ meterProvider: endpoint.meterProvider })
  const flow = new BatchFlow(createExecutor(instant).withMetricsReporter(reporter), { latencySampling: 1 })
  const tables = Array.from({ length: TABLES }, (_, i) => defineTable<{ id: number }>(`t${i}`, { columns: ['id'] }))
  for (let id = 0; id < TABLES * 200; id++) await flow.submit(tables[id % TABLES]!, { id })
  await flow.flush()
  const times: Held[] = []
  for (let time = 0; time < 12; time++) times.push(await heldUp(() => fetch(endpoint.url).then((page) => page.text())))
  const late = times.slice(2) // the code of the first ones is compiled on the way
  const longest = median(late.map((held) => held.longest))
  bench.add({
    name: 'event loop, a scrape of 61 tables',
    target: '≤ 1',
    ratio: longest / LONGEST_BLOCK,
    spread:
      (quantile(
        late.map((held) => held.longest),
        0.75,
      ) -
        quantile(
          late.map((held) => held.longest),
          0.25,
        )) /
      LONGEST_BLOCK,
    cpu: median(late.map((held) => held.cpu)),
    cpuOther: 0,
    figures: `blocked for ${longest.toFixed(1)} ms of ${LONGEST_BLOCK}; CPU time is that of a page`,
  })
  await flow.close()
  await endpoint.stop()
}

async function heldUp(act: () => Promise<unknown>): Promise<Held> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const used = process.cpuUsage()
  delay.enable()
  await act()
  delay.disable()
  const { user, system } = process.cpuUsage(used)
  return { p99: delay.percentile(99) / 1e6, longest: delay.max / 1e6, cpu: user + system }
}
