/**
 * Rows by the million while the database stops and goes on at random, and what that leaves behind:
 *
 *     npm run soak -- --rows 10000000
 */
import { execFileSync } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { BatchFlow, defineTable } from 'batchflow-otel'
import { postgresExecutor } from 'batchflow-otel/postgres'
import { Command, InvalidArgumentError } from 'commander'
import pg from 'pg'
import { bootPostgres, type EmbeddedPostgres } from '../examples/shared/embedded-postgres.ts'

const KEYS = 2000
const events = defineTable<{ n: number; text: string }>('events', { columns: ['n', 'text'] })
const counters = defineTable<{ id: number; v: number }>('counters', {
  columns: ['id', 'v'],
  onConflict: { action: 'update', keys: ['id'] },
})

/** The server's processes, all of them. */
function processesOf({ pid }: EmbeddedPostgres): number[] {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  return [pid, ...children.trim().split(/\s+/).map(Number)]
}

function signal(server: EmbeddedPostgres, name: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of processesOf(server)) {
    try {
      process.kill(pid, name)
    } catch {} // it has ended meanwhile
  }
}

/** Stops the database every few seconds, for up to two. Returns what ends that, and says how often it was stopped. */
function disturb(server: EmbeddedPostgres): () => Promise<number> {
  let running = true
  const done = (async () => {
    let times = 0
    for (; running; times++) {
      await sleep(1000 + 4000 * Math.random())
      signal(server, 'SIGSTOP')
      await sleep(2000 * Math.random())
      signal(server, 'SIGCONT')
    }
    return times
  })()
  return () => {
    running = false
    return done
  }
}

/** Bytes of resident memory a million rows add, by least squares over the second half of the samples. */
function slope(samples: readonly { readonly rows: number; readonly rss: number }[]): number {
  const late = samples.slice(samples.length >>> 1)
  const mean = (of: (sample: (typeof late)[number]) => number) =>
    late.reduce((sum, one) => sum + of(one), 0) / late.length
  const [x, y] = [mean(({ rows }) => rows), mean(({ rss }) => rss)]
  const covariance = late.reduce((sum, { rows, rss }) => sum + (rows - x) * (rss - y), 0)
  const variance = late.reduce((sum, { rows }) => sum + (rows - x) ** 2, 0)
  return (covariance / variance) * 1_000_000
}

function atLeastThousand(given: string): number {
  const rows = Number(given)
  if (Number.isInteger(rows) && rows >= 1000) return rows
  throw new InvalidArgumentError('must be an integer of at least 1000.')
}

const { rows } = new Command('soak')
  .option('--rows <number>', 'rows to submit', atLeastThousand, 10_000_000)
  .parse()
  .opts<{ rows: number }>()

const server = await bootPostgres({ settings: { fsync: 'off', max_wal_size: '4GB' } })
const pool = new pg.Pool({ connectionString: server.url })
await pool.query('CREATE UNLOGGED TABLE events (n int, text text)')
await pool.query('CREATE UNLOGGED TABLE counters (id int PRIMARY KEY, v int)')
const before = process.getActiveResourcesInfo()
const flow = new BatchFlow(postgresExecutor(pool).withConcurrencyLimit(8).withTimeout(1000), { deadLetter: () => {} })
const end = disturb(server)
const delay = monitorEventLoopDelay({ resolution: 10 })
delay.enable()
const samples: { rows: number; rss: number }[] = []
const began = performance.now()
let told = began
for (let n = 0; n < rows; n++) {
  if (!flow.trySubmit(events, { n, text: `event ${n}` })) await flow.submit(events, { n, text: `event ${n}` })
  if (n % 10 === 0) await flow.submit(counters, { id: (n / 10) % KEYS, v: n })
  if (n % 1000 !== 0) continue
  await new Promise((resolve) => setImmediate(resolve))
  if (n % 50_000 === 0) samples.push({ rows: n, rss: process.memoryUsage.rss() })
  if (performance.now() - told > 5000) {
    told = performance.now()
    console.error(`${n} rows, ${Math.round((1000 * n) / (told - began))} a second`)
  }
}
delay.disable()
const stops = await end()
const summary = await flow.close({ timeout: 60_000 })
const seconds = (performance.now() - began) / 1000
const [stored] = (await pool.query('SELECT count(*)::int AS rows, count(DISTINCT n)::int AS distinct FROM events')).rows
const listeners = pool.eventNames().map((name) => `${String(name)} ${pool.listenerCount(name)}`)
await pool.end()
await sleep(100)
const left = process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name === 'TCPSocketWrap').length
await server.remove()
console.log({
  rows,
  seconds: Math.round(seconds),
  rowsPerSecond: Math.round(rows / seconds),
  stops,
  committed: summary.committed,
  failed: summary.failed,
  lost: rows - stored.distinct,
  doubled: stored.rows - stored.distinct,
  rssMegabytes: { first: megabytes(samples[1]?.rss ?? 0), most: megabytes(Math.max(...samples.map(({ rss }) => rss))) },
  rssSlopeMegabytesPerMillionRows: Math.round(slope(samples) / 1e5) / 10,
  eventLoopDelayP99: `${Math.round(delay.percentile(99) / 1e5) / 10} ms`,
  timersAndSocketsLeft: Math.max(0, left - before.filter((name) => name === 'Timeout').length),
  poolListeners: listeners,
})

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6)
}
