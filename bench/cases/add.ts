import { BatchFlow, defineTable, type Table } from 'batchflow-otel'
import { redisExecutor } from 'batchflow-otel/redis'
import { Redis } from 'ioredis'
import type pg from 'pg'
import { servers } from '../../test/support/servers/servers.ts'
import type { Bench } from '../support/case.ts'
import { flowContender, oneByOne } from '../support/flow-contender.ts'
import { CONNECTIONS, executorFor, inBatches, withPostgres } from '../support/postgres.ts'

const TABLE = 'bench_add'
const KEYS = 2000
/** Rows of which the loop by hand makes one statement: as many as a flow has room for by itself. */
const SLICE = 10_000
/** Room for more rows, so that more of them are merged while they wait. */
const ROOMY = 50_000
/** A statement for each row takes so much longer that fewer have to do; what a row takes is compared. */
const SHARE = 100
/** Commands of a pipeline by hand. */
const PIPELINE = 500

interface Hits {
  id: number
  hits: number
}

const pages: Table<Hits> = defineTable<Hits>(TABLE, {
  columns: ['id', 'hits'],
  onConflict: { action: 'update', keys: ['id'], set: { hits: 'add' } },
})

/** A million rows added to 2,000 keys, against a loop by hand that merges and a statement for each row; every sum is checked. */
export default async (bench: Bench) => {
  const rows = hitsOf(bench.settings.rows * 5)
  await inPostgres(bench, rows)
  await inRedis(bench, rows)
}

const inPostgres = (bench: Bench, rows: readonly Hits[]) =>
  withPostgres([TABLE], async (pool) => {
    await pool.query(`DROP TABLE IF EXISTS ${TABLE}`)
    await pool.query(`CREATE TABLE ${TABLE} (id int PRIMARY KEY, hits bigint NOT NULL)`)
    const few = rows.slice(0, rows.length / SHARE)
    const before = () => pool.query(`TRUNCATE ${TABLE}`)
    const turn = { rows: rows.length, before }
    const flow = new BatchFlow(executorFor(pool))
    const roomy = new BatchFlow(executorFor(pool), { bufferSize: ROOMY })
    const ours = [
      flowContender({ name: 'flow', ...turn }, flow, () => oneByOne(flow, pages, rows)),
      flowContender({ name: 'flow, more room', ...turn }, roomy, () => oneByOne(roomy, pages, rows)),
    ]
    await bench.compare(
      `${rows.length / 1000}k rows added to ${KEYS} keys in PostgreSQL`,
      [
        ...ours.map((one) => ({ ...one, run: () => one.run().then(() => check(pool, rows.length)) })),
        { name: 'unnest loop', ...turn, run: () => merged(pool, rows).then(() => check(pool, rows.length)) },
        { name: 'a statement a row', rows: few.length, before, run: () => rowByRow(pool, few) },
      ],
      [
        { name: 'add / unnest', target: '≥ 0.5', of: ['flow', 'unnest loop'] },
        { name: 'add, more room / unnest', target: '≥ 1', of: ['flow, more room', 'unnest loop'] },
        { name: 'add / row by row', target: '≥ 20', of: ['flow', 'a statement a row'] },
      ],
    )
  })

/** Beside a pipeline of a command for each row. */
async function inRedis(bench: Bench, rows: readonly Hits[]): Promise<void> {
  const server = await servers.redis()
  if (server === undefined) return bench.say('  no Redis: set REDIS_URL')
  const client = new Redis(server.url)
  const keys = Array.from({ length: KEYS }, (_, id) => `${TABLE}:${id}`)
  const turn = { rows: rows.length, before: () => client.del(keys) }
  const flow = new BatchFlow(redisExecutor(client).withConcurrencyLimit(CONNECTIONS))
  const checked = async () => {
    const sums = await Promise.all(keys.map((key) => client.hget(key, 'hits')))
    if (sums.some((sum) => Number(sum) !== rows.length / KEYS)) throw new Error('the sums of some keys are wrong')
  }
  const ours = flowContender({ name: 'flow', ...turn }, flow, () => oneByOne(flow, pages, rows))
  const byHand = () =>
    inBatches(rows, PIPELINE, (batch) => {
      const pipeline = client.pipeline()
      for (const { id, hits } of batch) pipeline.hincrby(`${TABLE}:${id}`, 'hits', hits)
      return pipeline.exec()
    })
  try {
    await bench.compare(
      `${rows.length / 1000}k rows added to ${KEYS} keys in Redis`,
      [
        { ...ours, run: () => ours.run().then(checked) },
        { name: 'HINCRBY pipelines', ...turn, run: () => byHand().then(checked) },
      ],
      [{ name: 'add in Redis / HINCRBY', target: '≥ 1', of: ['flow', 'HINCRBY pipelines'] }],
    )
  } finally {
    await client.del(keys)
    client.disconnect()
    await server.stop()
  }
}

/** Each key as often as any other, in no order. */
function hitsOf(rows: number): Hits[] {
  return Array.from({ length: rows }, (_, i) => ({ id: (i * 7919) % KEYS, hits: 1 }))
}

const ADD = `ON CONFLICT (id) DO UPDATE SET hits = ${TABLE}.hits + excluded.hits`

/** One statement at a time: several would lock the same keys and wait for one another, and take two to four times as long. */
async function merged(pool: pg.Pool, rows: readonly Hits[]): Promise<void> {
  const write = (slice: readonly Hits[]) => {
    const sums = new Map<number, number>()
    for (const { id, hits } of slice) sums.set(id, (sums.get(id) ?? 0) + hits)
    return pool.query({
      name: `${TABLE}_merged`,
      text: `INSERT INTO ${TABLE} (id, hits) SELECT * FROM unnest($1::int[], $2::bigint[]) ${ADD}`,
      values: [[...sums.keys()], [...sums.values()]],
    })
  }
  await inBatches(rows, SLICE, write, 1)
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
