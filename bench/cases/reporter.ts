import { BatchFlow, type Executor } from 'batchflow-otel'
import type { Bench } from '../support/case.ts'
import { events } from '../support/events.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'
import { BATCH_SIZES, eventTable, executorFor, withPostgres } from '../support/postgres.ts'
import { otelReporter } from '../support/telemetry.ts'

const TABLE = 'bench_reporter'
const TARGETS: Readonly<Record<number, string>> = { 500: '≥ 0.975', 2000: '≥ 0.99' }

/** What the OTel reporter leaves of the speed of an append. */
export default (bench: Bench) =>
  withPostgres([TABLE], async (pool) => {
    const table = await eventTable(pool, TABLE)
    const rows = events(bench.settings.rows)
    const turn = { rows: rows.length, before: () => pool.query(`TRUNCATE ${TABLE}`) }
    for (const size of BATCH_SIZES) {
      const contender = (name: string, executor: Executor) =>
        flowContender({ name, ...turn }, new BatchFlow(executor, { flushSize: size }), (flow) =>
          oneByOne(flow, table, rows),
        )
      await bench.compare(
        `append to PostgreSQL, batches of ${size}`,
        [
          contender('reporter on', executorFor(pool).withMetricsReporter(otelReporter())),
          contender('off', executorFor(pool)),
        ],
        [{ name: `reporter ${size}`, target: TARGETS[size]!, of: ['reporter on', 'off'] }],
      )
    }
  })
