import { fork } from 'node:child_process'
import { once } from 'node:events'
import { BatchFlow, defineTable, type Table } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import pg from 'pg'
import type { Bench } from '../support/case.ts'
import { flowContender } from '../support/flow-contender.ts'
import { CONNECTIONS, executorFor, withPostgres } from '../support/postgres.ts'

const TABLE = 'bench_hot_keys'
const KEYS = 2000
const SIZE = 500

interface Count {
  id: number
  v: number
}

const counts: Table<Count> = defineTable<Count>(TABLE, {
  columns: ['id', 'v'],
  onConflict: { action: 'update', keys: ['id'] },
})

/** A million upserts on 2,000 keys, against one batch at a time by hand; the last value of each key must be there. */
export default (bench: Bench) =>
  withPostgres([TABLE], async (pool, url) => {
    await pool.query(`DROP TABLE IF EXISTS ${TABLE}`)
    await pool.query(`CREATE TABLE ${TABLE} (id int PRIMARY KEY, v int)`)
    const rows = bench.settings.rows * 5
    const turn = { rows, before: () => pool.query(`TRUNCATE ${TABLE}`) }
    const flow = new BatchFlow(executorFor(pool), { flushSize: SIZE })
    const ours = flowContender({ name: 'flow', ...turn }, flow, () => submitAll(flow, rows))
    await bench.compare(
      `upsert into PostgreSQL, ${KEYS} hot keys, batches of ${SIZE}`,
      [
        { ...ours, run: () => ours.run().then(() => check(pool, rows)) },
        { name: 'one batch at a time', ...turn, run: () => oneAtATime(pool, rows) },
      ],
      [{ name: 'hot keys', target: '≥ 2.5', of: ['flow', 'one batch at a time'] }],
    )
    await pool.query(`TRUNCATE ${TABLE}`)
    await Promise.all([inProcess(url, rows), inProcess(url, rows)])
    await check(pool, rows)
    bench.say('  the last values are right, from two processes at once, too')
  })

/** What the process does that is one of two. */
export async function alone(url: string, rows: number): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS })
  const flow = new BatchFlow(postgresExecutor(pool).withConcurrencyLimit(CONNECTIONS), { flushSize: SIZE })
  await submitAll(flow, rows)
  const { failed } = await flow.close()
  await pool.end()
  if (failed > 0) throw new Error(`${failed} rows failed`)
}

async function inProcess(url: string, rows: number): Promise<void> {
  const child = fork(new URL('../support/hot-keys-process.ts', import.meta.url), [url, String(rows)])
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`a process that wrote the same keys ended with ${code}`)
}

async function submitAll(flow: BatchFlow, rows: number): Promise<void> {
  for (let v = 0; v < rows; v++) await flow.submit(counts, { id: v % KEYS, v })
}

async function check(pool: pg.Pool, rows: number): Promise<void> {
  const { rows: stored } = await pool.query(
    `SELECT count(*)::int AS keys, min(v) AS first, max(v) AS last FROM ${TABLE}`,
  )
  const [{ keys, first, last }] = stored
  if (keys !== KEYS || first !== rows - KEYS || last !== rows - 1)
    throw new Error('the last values of some keys are wrong')
}

/** As one would keep the order by hand: rows of a key become one, and no batch begins before the last one is in. */
async function oneAtATime(pool: pg.Pool, rows: number): Promise<void> {
  for (let first = 0; first < rows; first += SIZE) {
    const batch = new Map<number, number>()
    for (let v = first; v < Math.min(first + SIZE, rows); v++) batch.set(v % KEYS, v)
    await pool.query({
      name: TABLE,
      text: `INSERT INTO ${TABLE} (id, v) SELECT * FROM unnest($1::int[], $2::int[])
        ON CONFLICT (id) DO UPDATE SET v = excluded.v`,
      values: [[...batch.keys()], [...batch.values()]],
    })
  }
}
