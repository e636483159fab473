/**
 * What a row costs that goes through a local spool, and how long `submit` takes, with and without a sync of the disk:
 *
 *     node --import tsx bench/spool.ts [--seconds 5] [--per-second 20000] [--rows 100000]
 *
 * Steady: rows come one by one at a constant rate, as requests do; CPU time of the process beside the latencies, as that stays
 * true on a busy machine and they do not. At once: `submitMany`. Through: until PostgreSQL has the rows, exactly once, beside a
 * flow that has them in memory alone.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import Database from 'libsql'
import pg from 'pg'
import { defineTable } from '../src/contract/table.ts'
import { postgresExecutor } from '../src/drivers/postgres/index.ts'
import { BatchFlow } from '../src/flow/batch-flow.ts'
import { openSpool, spool, spoolPublisher } from '../src/sources/spool/index.ts'
import { servers } from '../test/support/servers/servers.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    'per-second': { type: 'string', default: '20000' },
    rows: { type: 'string', default: '100000' },
  },
})
const seconds = Number(values.seconds)
const perSecond = Number(values['per-second'])
const many = Number(values.rows)

interface Row {
  readonly id: number
  readonly at: Date
  readonly name: string
  readonly amount: number
}

const columns = ['id', 'at', 'name', 'amount'] as const
const keyed = defineTable<Row>('spool_bench', { columns, onConflict: { action: 'update', keys: ['id'] } })
const plain = defineTable<Row>('spool_bench', { columns })
const row = (id: number): Row => ({ id, at: new Date(), name: `row ${id}`, amount: id / 7 })

const folder = mkdtempSync(join(tmpdir(), 'batchflow-spool-bench-'))
let files = 0
const database = () => new Database(join(folder, `${++files}.db`))

/** Calls `submit` for rows at a constant rate by the clock; prints what each took. */
async function steady(name: string, submit: (row: Row) => Promise<unknown>): Promise<void> {
  const rows = seconds * perSecond
  const latencies = new Float64Array(rows)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let id = 0
  let stored = 0
  const used = process.cpuUsage()
  const begin = performance.now()
  delay.enable()
  while (stored < rows) {
    const due = Math.min(rows, Math.floor(((performance.now() - begin) * perSecond) / 1000))
    for (; id < due; id++) {
      const at = id
      const called = performance.now()
      void submit(row(id)).then(() => {
        latencies[at] = performance.now() - called
        stored++
      })
    }
    await sleep(1)
  }
  delay.disable()
  const { user, system } = process.cpuUsage(used)
  latencies.sort()
  const part = (share: number) => `${latencies[Math.floor(rows * share)]!.toFixed(2)} ms`
  console.log(
    `  ${name.padEnd(26)} ${((user + system) / rows).toFixed(2).padStart(6)} µs CPU a row   submit p50 ${part(0.5)}, ` +
      `p99 ${part(0.99)}   event loop held up p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms`,
  )
}

async function atOnce(name: string, rows: number, act: (rows: Iterable<Row>) => Promise<unknown>): Promise<void> {
  function* made() {
    for (let id = 0; id < rows; id++) yield row(id)
  }
  const used = process.cpuUsage()
  const begin = performance.now()
  await act(made())
  const { user, system } = process.cpuUsage(used)
  const rate = rows / ((performance.now() - begin) / 1000)
  const cpu = ((user + system) / rows).toFixed(2).padStart(6)
  console.log(`  ${name.padEnd(26)} ${cpu} µs CPU a row   ${(rate / 1000).toFixed(0)}k rows/s`)
}

console.log(`load of the machine before: ${loadavg()[0]!.toFixed(1)}`)
console.log(`\nsteady: ${perSecond} rows/s, ${seconds} s`)
await steady('no spool (the bench alone)', () => Promise.resolve())
for (const [name, table] of [
  ['rows with a key', keyed],
  ['rows without', plain],
] as const) {
  for (const fsync of [true, false]) {
    const log = spool(database(), { fsync })
    const publisher = spoolPublisher(log)
    await steady(`${name}, fsync ${fsync}`, (one) => publisher.submit(table, one))
    await log.close()
  }
}

console.log(`\nat once: ${many} rows`)
for (const fsync of [true, false]) {
  const log = spool(database(), { fsync })
  const publisher = spoolPublisher(log)
  await atOnce(`submitMany, fsync ${fsync}`, many, (rows) => publisher.submitMany(keyed, rows))
  await log.close()
}

const server = await servers.postgres()
if (server !== undefined) {
  console.log(`\nthrough: ${many} rows, until PostgreSQL has them`)
  const pool = new pg.Pool({ connectionString: server.url })
  const made = 'CREATE TABLE spool_bench (id int PRIMARY KEY, at timestamptz, name text, amount float8)'
  const executor = postgresExecutor(pool).withConcurrencyLimit(4)
  const fresh = () => pool.query(`DROP TABLE IF EXISTS spool_bench; ${made}`)
  for (const fsync of [true, false]) {
    await fresh()
    const flow = await openSpool(database(), executor, { tables: [plain], position: 'database', fsync })
    await atOnce(`spool, fsync ${fsync}`, many, async (rows) => {
      await flow.submitMany(plain, rows)
      while (flow.stats().spool.messages > 0) await sleep(5)
    })
    const scope = flow.spool.destination
    await flow.close()
    await pool.query("DELETE FROM batchflow_positions WHERE scope LIKE '%' || $1 || '%'", [scope])
  }
  await fresh()
  const flow = new BatchFlow(executor)
  await atOnce('a flow, from memory', many, async (rows) => {
    await flow.submitMany(plain, rows)
    await flow.flush()
  })
  await flow.close()
  await pool.query('DROP TABLE spool_bench')
  await pool.end()
  await server.stop()
}
rmSync(folder, { recursive: true })
console.log(`\nload of the machine after: ${loadavg()[0]!.toFixed(1)}`)
