/**
 * The answer to a commit is lost, again and again: with `onAmbiguous: 'verify'` plain inserts are there once, and nothing is
 * reported as unknown. `FAULT_ROUNDS` is how often (20).
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPool } from 'mysql2/promise'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable, type Table } from '../../src/contract/table.ts'
import { mysqlExecutor } from '../../src/drivers/mysql/index.ts'
import { postgresExecutor } from '../../src/drivers/postgres/index.ts'
import { BatchRun } from '../../src/executor/batch-run.ts'
import type { Executor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { Batch } from '../../src/lanes/batch.ts'
import { systemClock } from '../../src/support/clock.ts'
import { FaultProxy } from '../support/servers/fault-proxy.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('onAmbiguous: verify')
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 20)
const RETRY = { maxAttempts: 20, backoffBase: 10, maxBackoff: 100 } as const
/** A value that the tables refuse. */
const BAD = -1

/** A database behind a proxy, with a table `events (n)` that refuses negative numbers. */
interface Place {
  readonly name: string
  readonly proxy: FaultProxy
  readonly executor: Executor
  readonly events: string
  /** Each `n` that is there, as often as it is. */
  stored(): Promise<number[]>
  close(): Promise<void>
}

for (const open of [postgres, mysql]) {
  const place = await open()
  if (place === undefined) continue
  test.after(() => place.close())

  test(`${place.name}: ${ROUNDS} lost answers, nothing lost, doubled or unknown`, () => endure(place))

  test(`${place.name}: nor beside rows that are refused`, () => endure(place, 7))

  test(`${place.name}: a position moves once, whatever becomes of the answers`, () => followLog(place))

  test(`${place.name}: the question waits for the end of an outage`, async () => {
    const flow = flowOf(place.executor.withRetry({ ...RETRY, onAmbiguous: 'verify' }))
    const events = defineTable<{ n: number }>(place.events, { columns: ['n'] })
    const first = 10_000_000
    await flow.write(events, { n: first })
    place.proxy.fault = 'reply'
    place.proxy.replyTo = ''
    const writes = Promise.allSettled([1, 2, 3].map((i) => flow.write(events, { n: first + i })))
    await sleep(100)
    place.proxy.fault = 'reset' // from here on nobody comes through
    await sleep(1000)
    place.proxy.fault = 'none'
    const outcomes = await writes
    await flow.close()
    assert.ok(outcomes.every(({ status }) => status === 'fulfilled'))
    const there = (await place.stored()).filter((n) => n >= first)
    assert.equal(
      there.sort((a, b) => a - b),
      [0, 1, 2, 3].map((i) => first + i),
    )
  })
}

/** @param every so many rows one is bad; 0: none is */
async function endure(place: Place, every = 0): Promise<void> {
  const before = (await place.stored()).length
  const first = before * 10 + 1000
  const flow = flowOf(place.executor.withRetry({ ...RETRY, onAmbiguous: 'verify' }))
  const events = defineTable<{ n: number }>(place.events, { columns: ['n'] })
  await flow.write(events, { n: first - 1 })
  const writes: Promise<unknown>[] = []
  const expected: number[] = []
  let cuts = 0
  let refused = 0
  while (cuts < ROUNDS) {
    const cut = place.proxy.whenReplyCut()
    place.proxy.replyTo = cuts % 2 === 0 && (place.name === 'mysql' || every > 0) ? 'COMMIT' : ''
    place.proxy.fault = 'reply'
    for (let i = 0; i < 50; i++) {
      const n = first + writes.length
      const isBad = every > 0 && writes.length % every === 3
      writes.push(
        flow.write(events, { n: isBad ? BAD : n }).then(
          () => 'committed',
          (error) => error,
        ),
      )
      if (isBad) refused++
      else expected.push(n)
    }
    await cut
    cuts++
    place.proxy.fault = 'none'
    await sleep(20)
  }
  const { committed, failed } = await flow.close()
  const outcomes = await Promise.all(writes)
  const unknown = outcomes.filter((outcome) => outcome instanceof Error && Reflect.get(outcome, 'ambiguous') === true)
  const there = (await place.stored()).filter((n) => n >= first)
  const lost = expected.length - new Set(there).size
  const doubled = there.length - new Set(there).size
  console.log(
    `${place.name}: ${cuts} answers lost, ${expected.length} rows: lost ${lost}, doubled ${doubled}, unknown ${unknown.length}`,
  )
  assert.equal({ lost, doubled, unknown }, { lost: 0, doubled: 0, unknown: [] })
  assert.equal([committed, failed], [expected.length + 1, refused])
}

/** As a worker does: the next rows start from the position that the last ones have reached. */
async function followLog(place: Place): Promise<void> {
  const executor = place.executor.withTimeout(2000).withRetry(RETRY)
  const own = executor.driver.companions!
  const { signal } = new AbortController()
  const table = defineTable<{ n: number }>(place.events, { columns: ['n'] }) as Table
  const first = 5_000_000
  await own.claim(['log'], signal)
  for (let i = 0; i < ROUNDS; i++) {
    const batch = new Batch(table)
    batch.rows.push({ n: first + i })
    batch.companion = { kind: 'move', scope: 'log', expected: i === 0 ? '' : `${i - 1}`, value: `${i}` }
    const run = new BatchRun(batch, executor, systemClock)
    place.proxy.replyTo = place.name === 'mysql' && i % 2 === 0 ? 'COMMIT' : ''
    const cut = place.proxy.whenReplyCut()
    place.proxy.fault = 'reply'
    const done = run.execute()
    await cut
    place.proxy.fault = i % 5 === 4 ? 'reset' : 'none'
    if (i % 5 === 4) await sleep(200)
    place.proxy.fault = 'none'
    await done
    assert.equal([...run.failures.values()], [])
  }
  const there = (await place.stored()).filter((n) => n >= first && n < 10_000_000)
  assert.equal([there.length, new Set(there).size], [ROUNDS, ROUNDS])
  assert.is((await own.claim(['log'], signal)).get('log'), `${ROUNDS - 1}`)
}

function flowOf(executor: Executor): BatchFlow {
  return new BatchFlow(executor.withTimeout(2000).withConcurrencyLimit(3), {
    flushSize: 25,
    flushInterval: 5,
    deadLetter: () => {},
  })
}

async function proxied(url: string): Promise<[FaultProxy, string]> {
  const to = new URL(url)
  const proxy = await FaultProxy.open(to.hostname, Number(to.port))
  to.hostname = '127.0.0.1'
  to.port = String(proxy.port)
  return [proxy, to.href]
}

async function postgres(): Promise<Place | undefined> {
  const server = await servers.postgres()
  if (server === undefined) return undefined
  const schema = `verify_${randomBytes(6).toString('hex')}`
  const direct = new pg.Pool({ connectionString: server.url, max: 1 })
  await direct.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.events (n int CHECK (n >= 0))`)
  const [proxy, url] = await proxied(server.url)
  const pool = new pg.Pool({ connectionString: url, max: 4, connectionTimeoutMillis: 500 })
  pool.on('error', () => undefined)
  return {
    name: 'postgres',
    proxy,
    executor: postgresExecutor(pool, { companions: { positions: `${schema}.positions`, tokens: `${schema}.tokens` } }),
    events: `${schema}.events`,
    stored: async () => (await direct.query<{ n: number }>(`SELECT n FROM ${schema}.events`)).rows.map(({ n }) => n),
    close: async () => {
      await pool.end()
      await proxy.close()
      await direct.query(`DROP SCHEMA ${schema} CASCADE`)
      await direct.end()
    },
  }
}

async function mysql(): Promise<Place | undefined> {
  const server = await servers.mysql()
  if (server === undefined) return undefined
  const prefix = `verify_${randomBytes(6).toString('hex')}`
  const direct = createPool({ uri: server.url, connectionLimit: 1, rowsAsArray: true })
  await direct.query(`CREATE TABLE ${prefix}_events (n int CHECK (n >= 0))`)
  const [proxy, url] = await proxied(server.url)
  const pool = createPool({ uri: url, connectionLimit: 4, connectTimeout: 500 })
  return {
    name: 'mysql',
    proxy,
    executor: mysqlExecutor(pool, { companions: { positions: `${prefix}_positions`, tokens: `${prefix}_tokens` } }),
    events: `${prefix}_events`,
    stored: async () => ((await direct.query(`SELECT n FROM ${prefix}_events`))[0] as number[][]).map(([n]) => n!),
    close: async () => {
      await pool.end().catch(() => undefined)
      await proxy.close()
      await direct.query(`DROP TABLE ${prefix}_events, ${prefix}_positions, ${prefix}_tokens`)
      await direct.end()
    },
  }
}

test.run()
