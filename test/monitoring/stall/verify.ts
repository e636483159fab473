/**
 * A lock held for three minutes on a real PostgreSQL, with neither a limit of batches nor of time: a stream of rows, and one
 * batch of five rows. A real Prometheus scrapes both with the committed configuration, its intervals included; asked every
 * second is what a person would see. Takes six minutes, which is what it takes.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { servers } from '../../support/servers/servers.ts'
import { PrometheusApi } from '../api.ts'
import { freePorts, startDaemon } from '../daemon.ts'
import { asCommitted, jobs, server as prometheusServer, scraping } from '../prometheus-server.ts'
import type { Tools } from '../tools.ts'
import { FREE_TABLE, type StallTask } from './task.ts'
import { type Look, look, timelineTable, wrongIn } from './timeline.ts'

const HELD_MS = 180_000
/** Rules that look back for a minute have something to look at, as in a service that has been running. */
const BEFORE_MS = 90_000
const AFTER_MS = 75_000

/** @returns what is wrong */
export async function verifyStall(tools: Tools): Promise<string[]> {
  const server = await servers.postgres()
  if (server === undefined) return ['there is no PostgreSQL whose table could be locked']
  const schema = `batchflow_stall_${process.pid}`
  const admin = new pg.Client({ connectionString: server.url, options: `-c search_path=${schema}` })
  await admin.connect()
  await admin.query(`CREATE SCHEMA ${schema}`)
  for (const table of ['stream', 'batch', FREE_TABLE]) await admin.query(`CREATE UNLOGGED TABLE ${table} (id int)`)
  const [page = 0, other = 0, port = 0] = await freePorts(3)
  const common = { url: server.url, schema }
  const tasks: StallTask[] = [
    { ...common, job: 'stall-stream', page, table: 'stream', load: 'stream' },
    { ...common, job: 'stall-batch', page: other, table: 'batch', load: 'batch' },
  ]
  const scrapes = jobs(tasks.map(({ job, page }) => ({ job, port: page })))
  const children = tasks.map(start)
  const folder = mkdtempSync(join(tmpdir(), 'batchflow-stall-'))
  const daemon = await startDaemon(
    ...prometheusServer(tools, folder, 'stall', port, scraping(asCommitted('direct'), scrapes)),
  )
  try {
    await Promise.all(children.map((child) => once(child, 'message')))
    return await watch(new PrometheusApi(`http://127.0.0.1:${port}`), tasks, children, admin)
  } finally {
    await Promise.all(children.map(end))
    await daemon.stop()
    rmSync(folder, { recursive: true, force: true })
    await admin.query(`DROP SCHEMA ${schema} CASCADE`)
    await admin.end()
    await server.stop()
  }
}

async function watch(
  prometheus: PrometheusApi,
  tasks: readonly StallTask[],
  children: readonly ChildProcess[],
  admin: pg.Client,
): Promise<string[]> {
  const since = Date.now() / 1000 + BEFORE_MS / 1000
  const seen = new Map<string, Look[]>(tasks.map(({ job }) => [job, []]))
  const ending = new AbortController()
  const watching = Promise.all(
    tasks.map(({ job }) => watchOne(prometheus, job, since, seen.get(job) ?? [], ending.signal)),
  )
  console.log(`two processes write; a lock is taken in ${BEFORE_MS / 1000} s and held for ${HELD_MS / 1000} s …`)
  await sleep(BEFORE_MS)
  await admin.query('BEGIN; LOCK TABLE stream, batch IN ACCESS EXCLUSIVE MODE')
  const taken = Date.now() / 1000
  for (const child of children) child.send('write')
  await sleep(HELD_MS)
  await admin.query('COMMIT')
  const released = Date.now() / 1000 - since
  console.log(`the lock was held for ${(released + since - taken).toFixed(0)} s …`)
  await sleep(AFTER_MS)
  ending.abort()
  await watching
  const all = tasks.map(({ job }) => [job, seen.get(job) ?? []] as const)
  for (const [job, looks] of all) console.log(timelineTable(job, looks, released))
  return all.flatMap(([job, looks]) => wrongIn(job, looks, released, [FREE_TABLE]))
}

async function watchOne(prometheus: PrometheusApi, job: string, since: number, looks: Look[], end: AbortSignal) {
  // Until the second scrape, nothing can be told of a process that has just begun.
  await sleep(BEFORE_MS / 2)
  while (!end.aborted) {
    looks.push(await look(prometheus, job, since))
    await sleep(1_000)
  }
}

function start(task: StallTask): ChildProcess {
  return fork(join(import.meta.dirname, 'process.ts'), [JSON.stringify(task)], { execArgv: ['--import', 'tsx'] })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  child.send('end')
  const patience = setTimeout(() => child.kill('SIGKILL'), 20_000)
  await ended
  clearTimeout(patience)
}
