import { BatchFlow } from 'batchflow-otel'
import type { Bench } from '../support/case.ts'
import { events } from '../support/events.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'
import { BATCH_SIZES, executorFor, inBatches, keyedTable, unnestBatch, withPostgres } from '../support/postgres.ts'

const TABLE = 'bench_upsert'

/** Rows with a key into PostgreSQL, every other one there already, against unnest and a prepared statement by hand. */
export default (bench: Bench) =>
  withPostgres([TABLE], async (pool) => {
    const rows = events(bench.settings.rows)
    const present = `INSERT INTO ${TABLE} SELECT id, 'there', 'there', 0, now() FROM generate_series(0, ${rows.length - 1}, 2) id`
    const before = async () => {
      await pool.query(`TRUNCATE ${TABLE}`)
      await pool.query(present)
      await pool.query(`VACUUM ANALYZE ${TABLE}`)
    }
    const turn = { rows: rows.length, before }
    for (const size of BATCH_SIZES) {
      const table = await keyedTable(pool, TABLE)
      const flow = new BatchFlow(executorFor(pool), { flushSize: size })
      await bench.compare(
        `upsert into PostgreSQL, half of the rows new, batches of ${size}`,
        [
          flowContender({ name: 'flow', ...turn }, flow, () => oneByOne(flow, table, rows)),
          {
            name: 'unnest loop',
            ...turn,
            run: () => inBatches(rows, size, (batch) => unnestBatch(pool, TABLE, batch)),
          },
        ],
        [{ name: `upsert ${size}`, target: '≥ 1.2', of: ['flow', 'unnest loop'] }],
      )
    }
  })
