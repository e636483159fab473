/** Runs loads that keep books, and compares with them whatever the routes, the databases and the trace store say. */
import { setTimeout as sleep } from 'node:timers/promises'
import { METRICS, prometheusName } from '../../../src/telemetry/metrics/catalogue.ts'
import type { Identity } from '../providers.ts'
import { EXPIRATION_S, ROUTES, type Route, type Routes } from '../routes.ts'
import { audit, type Entry, seriesOf } from './audit.ts'
import type { Books } from './books.ts'
import { FAULTS } from './faults.ts'
import { auditGuides } from './guides.ts'
import { LedgerProcess } from './ledger-process.ts'
import { auditLog } from './log.ts'
import type { Task } from './process.ts'
import { auditGone, auditRestart, auditTogether } from './restart.ts'
import { reachable, type Where } from './stores.ts'
import { auditTraces } from './traces.ts'

/** What was recorded last has been sent and scraped once a sample of a route is so much younger, in seconds. */
const ARRIVED_S: Readonly<Record<Route, number>> = { direct: 0.1, exporter: 0.1, collector: 2.5, otlp: 0.1 }
const PATIENCE_S = 30
const ROUNDS = 15
/** More than have a label of their own. */
const TABLES = Array.from({ length: 66 }, (_, i) => `s_table_${i}`)
const NOWHERE: Where = { postgres: undefined, mysql: undefined, redis: undefined }

export interface Section {
  readonly title: string
  readonly entries: readonly Entry[]
}

/** The processes that write to real databases: the first is killed and begins anew, the second has many tables. */
export interface Cast {
  readonly one: Identity
  readonly two: Identity
}

export async function verifyLedger(routes: Routes, { one, two }: Cast): Promise<Section[]> {
  const where = await reachable()
  const task = { otlp: routes.otlp, where, rounds: ROUNDS, tables: [], still: false }
  const first = LedgerProcess.start({ ...task, identity: one, still: true })
  const other = LedgerProcess.start({ ...task, identity: two, tables: TABLES })
  const held = await first.until('still')
  const standing = await arrived(routes, one)
  const still = await audit(routes, one, held, standing, 'gauges')
  const behind = held.log === undefined ? [] : await auditLog(routes, one, held.log, standing)
  first.goOn()
  const [books, many] = [await first.until('done'), await other.until('done')]
  const time = Math.max(await arrived(routes, one), await arrived(routes, two))
  const sections = [
    { title: 'while all slots are taken and rows wait', entries: still },
    { title: 'a worker over a durable log while its database takes nothing', entries: behind },
    {
      title: 'the same worker when all is written',
      entries: books.log === undefined ? [] : await auditLog(routes, one, books.log, time),
    },
    { title: 'one process, every database', entries: await auditAll(routes, one, books, time) },
    { title: `another process, ${TABLES.length} tables`, entries: await audit(routes, two, many, time, 'all') },
    { title: 'as the Go library’s later guides ask', entries: await auditGuides(routes, one, books, time) },
  ]
  const together = await auditTogether(routes, one.job, [books, many], time)
  await other.kill()
  const gone = now()
  await first.kill()
  const second = LedgerProcess.start({ ...task, identity: one, rounds: Math.floor(ROUNDS / 3) })
  const anew = await second.until('done')
  const later = await arrived(routes, one)
  const after = {
    title: 'the first process after it was killed',
    entries: await audit(routes, one, anew, later, 'all'),
  }
  const restart = await auditRestart(routes, one, [books, anew], later)
  await sleep(Math.max(0, (gone + EXPIRATION_S + 3 - now()) * 1000))
  const stale = await auditGone(routes, two, gone)
  await second.end()
  return [...sections, after, { title: 'processes that come and go', entries: [together, restart, stale] }]
}

/** Puts a fault in, or none, and returns the problems that were found. */
export async function verifyFault(routes: Routes, identity: Identity, fault: string | undefined): Promise<string[]> {
  const task: Task = { identity, otlp: routes.otlp, where: NOWHERE, rounds: 5, tables: [], still: false, fault }
  const process = LedgerProcess.start(task)
  const books = await process.until('done')
  const entries = await auditAll(routes, identity, books, await arrived(routes, identity))
  await process.end()
  return problemsOf([{ title: '', entries }])
}

/** Names of the faults, and of the run without one. */
export const FAULT_RUNS: readonly (string | undefined)[] = [undefined, ...Object.keys(FAULTS)]

export function problemsOf(sections: readonly Section[]): string[] {
  return sections.flatMap(({ entries }) => entries.flatMap(({ problems }) => problems))
}

/** A time as of which every route has all that a process has recorded until now. */
async function arrived(routes: Routes, who: Identity): Promise<number> {
  const since = now()
  const name = prometheusName(METRICS.batches)
  for (let time = since; time < since + PATIENCE_S; time = now()) {
    const samples = ROUTES.map(async (route) => {
      const selector = seriesOf(who, route).replace('batchflow_.+', name)
      const [sample] = await routes.api[route].query(`min(timestamp(${selector}))`, time)
      return (sample?.value ?? 0) >= since + ARRIVED_S[route]
    })
    if ((await Promise.all(samples)).every(Boolean)) return time
    await sleep(200)
  }
  return now()
}

async function auditAll(routes: Routes, who: Identity, books: Books, time: number): Promise<Entry[]> {
  return [
    ...(await audit(routes, who, books, time, 'all')),
    ...(await auditStored(routes, who, books, time)),
    ...(await auditTraces(routes, who, books, time)),
  ]
}

/** Rows as the databases count them; those of a table that only grows are the records that succeeded, too. */
async function auditStored(routes: Routes, who: Identity, { tables }: Books, time: number): Promise<Entry[]> {
  const name = prometheusName(METRICS.records)
  return Promise.all(
    tables.map(async ({ database, table, strategy, stored = 0, toBeStored = 0 }) => {
      const values: Record<string, number> = { database: stored }
      for (const route of strategy === 'error' ? ROUTES : []) {
        const series = seriesOf(who, route).replace('batchflow_.+', name)
        const selector = series.replace('}', `, table="${table}", status="success"}`)
        const [sample] = await routes.api[route].query(`sum(${selector})`, time)
        values[route] = sample?.value ?? 0
      }
      const wrong = Object.entries(values).filter(([, value]) => value !== toBeStored)
      const question = `rows in ${table} (${database})`
      const problems = wrong.map(([place, value]) => `${question}: ${place} has ${value}, the ledger ${toBeStored}`)
      return { question, ledger: String(toBeStored), values, problems }
    }),
  )
}

function now(): number {
  return Date.now() / 1000
}
