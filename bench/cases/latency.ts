import { setImmediate as turn } from 'node:timers/promises'
import { BatchFlow, type MetricsReporter, type Table } from 'batchflow-otel'
import type { Bench } from '../support/case.ts'
import { quantile } from '../support/compare.ts'
import { type Event, events } from '../support/events.ts'
import { oneByOne } from '../support/flow-contender.ts'
import { eventTable, executorFor, withPostgres } from '../support/postgres.ts'
import { executeDurations } from '../support/telemetry.ts'

const TABLE = 'bench_latency'
const FLUSH_INTERVAL = 100

/** How long a row takes from `submit` until it is committed, when rows come at half of the highest rate. */
export default (bench: Bench) =>
  withPostgres([TABLE], async (pool) => {
    const table = await eventTable(pool, TABLE)
    const rows = events(bench.settings.rows)
    const flowWith = (reporter?: MetricsReporter) => {
      const executor = executorFor(pool)
      const chosen = reporter === undefined ? executor : executor.withMetricsReporter(reporter)
      return new BatchFlow(chosen, { flushInterval: FLUSH_INTERVAL })
    }
    const highest = await highestRate(flowWith(), table, rows)
    const executes: number[] = []
    const flow = flowWith(executeDurations(executes))
    await oneByOne(flow, table, rows.slice(0, rows.length / 4)) // what runs for the first time takes longer
    await flow.flush()
    executes.length = 0
    const used = process.cpuUsage()
    const latencies = await paced(flow, table, rows, highest / 2)
    const { user, system } = process.cpuUsage(used)
    await flow.close()
    bench.say(`half of ${Math.round(highest)} rows/s, flushInterval ${FLUSH_INTERVAL} ms`)
    const cpu = (user + system) / rows.length
    const line = (name: string, is: number, most: number) => {
      const figures = `${is.toFixed(1)} ms, at most ${most.toFixed(1)} ms`
      bench.add({ name, target: '≤ 1', ratio: is / most, spread: 0, cpu, cpuOther: cpu, figures })
    }
    line('latency p50', quantile(latencies, 0.5), FLUSH_INTERVAL / 2 + quantile(executes, 0.5))
    line('latency p99', quantile(latencies, 0.99), FLUSH_INTERVAL + 2 * quantile(executes, 0.99))
  })

/** Rows per second, of the better of two turns. */
async function highestRate(flow: BatchFlow, table: Table<Event>, rows: readonly Event[]): Promise<number> {
  let best = 0
  for (let time = 0; time < 2; time++) {
    const start = performance.now()
    await oneByOne(flow, table, rows)
    await flow.flush()
    best = Math.max(best, (rows.length * 1000) / (performance.now() - start))
  }
  await flow.close()
  return best
}

/** Submits rows by the clock, whatever became of those before; returns what each took, in ms. */
async function paced(
  flow: BatchFlow,
  table: Table<Event>,
  rows: readonly Event[],
  rate: number,
): Promise<Float64Array<ArrayBuffer>> {
  const latencies = new Float64Array(rows.length)
  const begin = performance.now()
  for (let next = 0; next < rows.length; await turn()) {
    const due = Math.min(rows.length, Math.floor(((performance.now() - begin) * rate) / 1000))
    for (; next < due; next++) {
      const at = next
      const called = performance.now()
      void flow.deliver(table, rows[at]!, {
        committed: () => {
          latencies[at] = performance.now() - called
        },
        failed: (error) => {
          throw error
        },
      })
    }
  }
  await flow.flush()
  return latencies
}
