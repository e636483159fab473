import { BatchFlow } from 'batchflow-otel'
import type { Bench } from '../support/case.ts'
import { events } from '../support/events.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'
import { BATCH_SIZES, copyBatch, eventTable, executorFor, inBatches, withPostgres } from '../support/postgres.ts'
import { otelReporter } from '../support/telemetry.ts'

const TABLE = 'bench_append'

/** Rows without a key into PostgreSQL, against COPY as text by hand. */
export default (bench: Bench) =>
  withPostgres([TABLE], async (pool) => {
    const rows = events(bench.settings.rows)
    const turn = { rows: rows.length, before: () => pool.query(`TRUNCATE ${TABLE}`) }
    for (const size of BATCH_SIZES) {
      const table = await eventTable(pool, TABLE)
      const flow = new BatchFlow(executorFor(pool).withMetricsReporter(otelReporter()), { flushSize: size })
      await bench.compare(
        `append to PostgreSQL, batches of ${size}`,
        [
          flowContender({ name: 'flow, reporter on', ...turn }, flow, () => oneByOne(flow, table, rows)),
          { name: 'COPY loop', ...turn, run: () => inBatches(rows, size, (batch) => copyBatch(pool, TABLE, batch)) },
        ],
        [{ name: `append ${size}`, target: '≥ 1.5', of: ['flow, reporter on', 'COPY loop'] }],
      )
    }
  })
