/**
 * What is committed together with a batch, beside the batch alone: a token (`onAmbiguous: 'verify'`), a position:
 *
 *     node --import tsx --expose-gc --max-semi-space-size=64 bench/companions-cost.ts [--rows 100000] [--size 500] [--rounds 15]
 *
 * In each round the three take turns forwards and backwards, so that what drifts hits all alike. Compared is round by round: the
 * median of the ratios and its standard error, of time, and of the CPU time of this process and of its sessions in PostgreSQL
 * together, which holds on a busy machine (where the server runs on this one).
 */
import { loadavg } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { needed, servers } from '../test/support/servers/servers.ts'
import { companionContenders } from './companions.ts'
import { cpuOf } from './cpu-of.ts'
import { type Contender, median } from './turns.ts'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    size: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '15' },
  },
})
const [rows, size, rounds] = [Number(values.rows), Number(values.size), Number(values.rounds)]

/** All in µs a row. */
interface Cost {
  time: number
  client: number
  server: number
}

const { url } = needed(await servers.postgres())
const pool = new pg.Pool({ connectionString: url, max: 4, idleTimeoutMillis: 0, application_name: 'companions-cost' })

/** CPU time of the pool's sessions so far, in µs. */
async function sessions(): Promise<number> {
  const found = await pool.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'companions-cost'")
  return found.rows.reduce((sum, { pid }) => sum + (cpuOf(pid) ?? 0), 0)
}

async function costOf({ before, run }: Contender): Promise<Cost> {
  await before?.()
  globalThis.gc?.({ type: 'minor' })
  await pause(20)
  const served = await sessions()
  const used = process.cpuUsage()
  const begun = performance.now()
  await run()
  const time = (performance.now() - begun) * 1000
  const { user, system } = process.cpuUsage(used)
  return { time: time / rows, client: (user + system) / rows, server: ((await sessions()) - served) / rows }
}

/** One round: forwards and backwards. */
async function round(contenders: readonly Contender[]): Promise<Map<string, Cost>> {
  const sums = new Map<string, Cost>(contenders.map(({ name }) => [name, { time: 0, client: 0, server: 0 }]))
  for (const contender of [...contenders, ...[...contenders].reverse()]) {
    const cost = await costOf(contender)
    const sum = sums.get(contender.name)!
    for (const what of ['time', 'client', 'server'] as const) sum[what] += cost[what] / 2
  }
  return sums
}

/** @returns the median in %, and its standard error */
function shown(ratios: readonly number[]): string {
  const mean = ratios.reduce((sum, one) => sum + one, 0) / ratios.length
  const variance = ratios.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (ratios.length - 1)
  const error = 1.2533 * Math.sqrt(variance / ratios.length)
  return `${((median(ratios) - 1) * 100).toFixed(1).padStart(5)} % ± ${(error * 100).toFixed(1)}`
}

const contenders = await companionContenders(pool, rows, size)
const load = loadavg()[0]!.toFixed(1)
await round(contenders)
const all: Map<string, Cost>[] = []
for (let i = 0; i < rounds; i++) all.push(await round(contenders))
console.log(`${rounds} rounds of ${rows} rows in batches of ${size}; load ${load} … ${loadavg()[0]!.toFixed(1)}`)
for (const { name } of contenders) {
  const costs = all.map((one) => one.get(name)!)
  const alone = all.map((one) => one.get('alone')!)
  const ratiosOf = (of: (cost: Cost) => number) => shown(costs.map((cost, i) => of(cost) / of(alone[i]!)))
  const [client, server] = [median(costs.map((cost) => cost.client)), median(costs.map((cost) => cost.server))]
  const cpu = `${client.toFixed(2)} + ${server.toFixed(2)} µs CPU a row`
  const more =
    name === 'alone'
      ? ''
      : `time ${ratiosOf(({ time }) => time)}   CPU ${ratiosOf((cost) => cost.client + cost.server)}`
  console.log(`  ${name.padEnd(10)} ${cpu}   ${more}`)
}
for (const { close } of contenders) await close?.()
await pool.query('DROP TABLE IF EXISTS bench_companions, bench_tokens, bench_positions')
await pool.end()
