import { BatchFlow, defineTable, type Table } from 'batchflow-otel'
import type pg from 'pg'
import type { Bench } from '../support/case.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'
import { executorFor, inBatches, withPostgres } from '../support/postgres.ts'

const TABLE = 'bench_add'
const KEYS = 2000
/** Rows of which the loop by hand makes one statement: as many as a flow has room for by itself. */
const SLICE = 10_000
/** A statement for each row takes so much longer that fewer have to do; what a row takes is compared. */
const SHARE = 100

interface Hits {
  id: number
  hits: number
}

const pages: Table<Hits> = defineTable<Hits>(TABLE, {
  columns: ['id', 'hits'],
  onConflict: { action: 'update', keys: ['id'], set: { hits: 'add' } },
})

/** A million rows added to 2,000 keys, against a loop by hand that merges and a statement for each row; every sum is checked. */
export default (bench: Bench) =>
  withPostgres([TABLE], async (pool) => {
    await pool.query(`DROP TABLE IF EXISTS ${TABLE}`)
    await pool.query(`CREATE TABLE ${TABLE} (id int PRIMARY KEY, hits bigint NOT NULL)`)
    const rows = hitsOf(bench.settings.rows * 5)
    const few = rows.slice(0, rows.length / SHARE)
    const before = () => pool.query(`TRUNCATE ${TABLE}`)
    const turn = { rows: rows.length, before }
    const flow = new BatchFlow(executorFor(pool))
    const ours = flowContender({ name: 'flow', ...turn }, flow, () => oneByOne(flow, pages, rows))
    await bench.compare(
      `${rows.length / 1000}k rows added to ${KEYS} keys in PostgreSQL`,
      [
        { ...ours, run: () => ours.run().then(() => check(pool, rows.length)) },
        { name: 'unnest loop', ...turn, run: () => merged(pool, rows).then(() => check(pool, rows.length)) },
        { name: 'a statement a row', rows: few.length, before, run: () => rowByRow(pool, few) },
      ],
      [
        { name: 'add / unnest', target: '≥ 1', of: ['flow', 'unnest loop'] },
        { name: 'add / row by row', target: '≥ 20', of: ['flow', 'a statement a row'] },
      ],
    )
  })

/** Each key as often as any other, in no order. */
function hitsOf(rows: number): Hits[] {
  return Array.from({ length: rows }, (_, i) => ({ id: (i * 7919) % KEYS, hits: 1 }))
}

const ADD = `ON CONFLICT (id) DO UPDATE SET hits = ${TABLE}.hits + excluded.hits`

/** Sorted, as two statements that lock the same keys in another order would meet in a deadlock. */
async function merged(pool: pg.Pool, rows: readonly Hits[]): Promise<void> {
  await inBatches(rows, SLICE, (slice) => {
    const sums = new Map<number, number>()
    for (const { id, hits } of slice) sums.set(id, (sums.get(id) ?? 0) + hits)
    const sorted = [...sums].sort(([a], [b]) => a - b)
    return pool.query({
      name: `${TABLE}_merged`,
      text: `INSERT INTO ${TABLE} (id, hits) SELECT * FROM unnest($1::int[], $2::bigint[]) ${ADD}`,
      values: [sorted.map(([id]) => id), sorted.map(([, hits]) => hits)],
    })
  })
}

async function rowByRow(pool: pg.Pool, rows: readonly Hits[]): Promise<void> {
  const text = `INSERT INTO ${TABLE} (id, hits) VALUES ($1, $2) ${ADD}`
  await inBatches(rows, 1, ([row]) => pool.query({ name: TABLE, text, values: [row!.id, row!.hits] }))
}

async function check(pool: pg.Pool, rows: number): Promise<void> {
  const text = `SELECT count(*)::int AS keys, min(hits)::int AS least, max(hits)::int AS most FROM ${TABLE}`
  const [{ keys, least, most }] = (await pool.query(text)).rows
  if (keys !== KEYS || least !== rows / KEYS || most !== rows / KEYS) throw new Error('the sums of some keys are wrong')
}
