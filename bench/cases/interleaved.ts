import { BatchFlow, type Table } from 'batchflow-otel'
import type { Bench } from '../support/case.ts'
import { type Event, events } from '../support/events.ts'
import { flowContender } from '../support/flow-contender.ts'
import { eventTable, executorFor, withPostgres } from '../support/postgres.ts'

const TABLES = Array.from({ length: 20 }, (_, i) => `bench_interleaved_${i}`)

/** Rows of twenty tables, one after the other of each, against as many rows of one table; everything at its default. */
export default (bench: Bench) =>
  withPostgres(TABLES, async (pool) => {
    const tables: Table<Event>[] = []
    for (const name of TABLES) tables.push(await eventTable(pool, name))
    const rows = events(bench.settings.rows)
    const turn = { rows: rows.length, before: () => pool.query(`TRUNCATE ${TABLES.join(', ')}`) }
    const contender = (name: string, count: number) =>
      flowContender({ name, ...turn }, new BatchFlow(executorFor(pool)), async (flow) => {
        for (let i = 0; i < rows.length; i++) await flow.submit(tables[i % count]!, rows[i]!)
      })
    await bench.compare(
      'append to PostgreSQL, twenty tables interleaved',
      [contender('20 tables', TABLES.length), contender('1 table', 1)],
      [{ name: 'interleaved 20 tables', target: '≥ 0.85', of: ['20 tables', '1 table'] }],
    )
  })
