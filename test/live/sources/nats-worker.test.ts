import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { consume, type Worker } from '../../../src/consume/index.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { postgresExecutor } from '../../../src/drivers/postgres/index.ts'
import { nats, natsPublisher } from '../../../src/sources/nats/index.ts'
import { InlineProgram } from '../../support/programs/inline.ts'
import { needed, servers } from '../../support/servers/servers.ts'
import { eventually } from './recording-host.ts'

const test = suite('nats worker')
const { url } = needed(await servers.nats())
const postgres = needed(await servers.postgres())
const connection = await connect({ servers: url, maxReconnectAttempts: -1 })
const manager = await jetstreamManager(connection)
const pool = new pg.Pool({ connectionString: postgres.url })
const prefix = `batchflow_${randomBytes(6).toString('hex')}`
const PARTITIONS = 4
const LEASE = 2000
let count = 0

interface Place {
  readonly stream: string
  /** Plain inserts: a row that is written twice is there twice. */
  readonly events: string
  readonly state: string
}

async function place(): Promise<Place> {
  const stream = `${prefix}_${++count}`
  await pool.query(`CREATE TABLE ${stream}_events (id int, n int)`)
  await pool.query(`CREATE TABLE ${stream}_state (id int PRIMARY KEY, n int)`)
  return { stream, events: `${stream}_events`, state: `${stream}_state` }
}

const tablesOf = ({ events, state }: Place) => ({
  events: defineTable<{ id: number; n: number }>(events, { columns: ['id', 'n'] }),
  state: defineTable<{ id: number; n: number }>(state, {
    columns: ['id', 'n'],
    onConflict: { action: 'update', keys: ['id'] },
  }),
})

/** `n` events, and the state of each of 100 keys moved on with each. */
async function publish(where: Place, from: number, to: number): Promise<void> {
  const { events, state } = tablesOf(where)
  await using publisher = natsPublisher(connection, { stream: where.stream, partitions: PARTITIONS })
  for (let n = from; n < to; n++) {
    await publisher.submit(events, { id: n % 100, n })
    await publisher.submit(state, { id: n % 100, n })
  }
}

type Delivery = { readonly acks: 'broker' } | { readonly position: 'database' }

function worker(where: Place, how: Delivery) {
  const { events, state } = tablesOf(where)
  const source = nats(connection, { stream: where.stream, partitions: PARTITIONS, leaseTime: LEASE, bucket: prefix })
  return consume(source, postgresExecutor(pool), { tables: [events, state], lagInterval: 500, ...how })
}

/** One in a process of its own, to be killed. Says how many rows it has written. */
const program = (where: Place, how: Delivery) =>
  new InlineProgram(`
  import { connect } from '@nats-io/transport-node'
  import pg from 'pg'
  import { consume } from './src/consume/index.ts'
  import { defineTable } from './src/contract/table.ts'
  import { postgresExecutor } from './src/drivers/postgres/index.ts'
  import { nats } from './src/sources/nats/index.ts'
  const connection = await connect({ servers: ${JSON.stringify(url)}, maxReconnectAttempts: -1 })
  const pool = new pg.Pool({ connectionString: ${JSON.stringify(postgres.url)} })
  const events = defineTable('${where.events}', { columns: ['id', 'n'] })
  const state = defineTable('${where.state}', { columns: ['id', 'n'], onConflict: { action: 'update', keys: ['id'] } })
  const source = nats(connection, { stream: '${where.stream}', partitions: ${PARTITIONS}, leaseTime: ${LEASE}, bucket: '${prefix}', fetchSize: 50 })
  const worker = await consume(source, postgresExecutor(pool), { tables: [events, state], ...${JSON.stringify(how)} })
  while (worker.stats().committed < 300) await new Promise((resolve) => setTimeout(resolve, 1))
  console.log('working')
  `)

/** Asked gently: the database has other things to do. */
async function writtenIn(where: Place, rows: number, milliseconds: number): Promise<void> {
  await eventually(
    async () => {
      await sleep(50)
      const { rows: found } = await pool.query(`SELECT count(*)::int AS n FROM ${where.events}`)
      return found[0].n >= rows
    },
    milliseconds,
    () => `${rows} rows in ${where.events}`,
  )
}

async function numbers({ events, state }: Place) {
  const { rows } = await pool.query(
    `SELECT (SELECT count(*)::int FROM ${events}) AS written, (SELECT count(DISTINCT n)::int FROM ${events}) AS events,
       (SELECT count(*)::int FROM ${state} s WHERE n < (SELECT max(n) FROM ${events} e WHERE e.id = s.id)) AS stale`,
  )
  return rows[0] as { written: number; events: number; stale: number }
}

/** All that is in the log is settled, what came twice too. */
async function caughtUp(working: Worker): Promise<void> {
  await eventually(async () => {
    await sleep(100)
    const lags = Object.values(working.stats().source.partitions).map(({ lag }) => lag?.messages)
    return lags.length === PARTITIONS && lags.every((messages) => messages === 0) && working.stats().source.held === 0
  }, 30_000)
}

test.after.each(async () => {
  for await (const { config } of manager.streams.list()) {
    if (config.name.includes(prefix)) await manager.streams.delete(config.name)
  }
  const { rows } = await pool.query(`SELECT tablename FROM pg_tables WHERE tablename LIKE '${prefix}%'`)
  for (const { tablename } of rows) await pool.query(`DROP TABLE ${tablename}`)
  await pool.query('DELETE FROM batchflow_positions WHERE scope LIKE $1', [`%${prefix}%`]).catch(() => undefined)
})
test.after(async () => {
  await connection.close()
  await pool.end()
})

for (const how of [{ acks: 'broker' }, { position: 'database' }] as const) {
  const name = 'acks' in how ? "acks: 'broker'" : "position: 'database'"

  test(`${name}: a worker that is killed at work loses nothing, and leaves no key stale`, async () => {
    const where = await place()
    const total = 4_000
    await publish(where, 0, total)
    const child = program(where, how)
    await child.says('working')
    child.child.kill('SIGKILL')
    await child.ended()
    const before = (await numbers(where)).written
    const begun = performance.now()
    await using taking = await worker(where, how)
    await writtenIn(where, before + 1, 20_000)
    const takeover = performance.now() - begun
    await writtenIn(where, total, 30_000)
    await caughtUp(taking)
    const { written, stale } = await numbers(where)
    console.log(
      `${name}: taken over after ${takeover.toFixed(0)} ms (lease ${LEASE} ms), ${written - total} rows twice`,
    )
    assert.ok(takeover < LEASE * 1.5 + 3000)
    assert.is(stale, 0)
    if ('position' in how) assert.is(written, total)
  })

  test(`${name}: a table that is locked for 6 s makes nothing come twice`, async () => {
    const where = await place()
    await publish(where, 0, 1000)
    const lock = await pool.connect()
    await lock.query(`BEGIN; LOCK TABLE ${where.events} IN ACCESS EXCLUSIVE MODE`)
    await using working = await worker(where, how)
    await sleep(6000)
    assert.is(working.stats().source.redelivered, 0)
    await lock.query('COMMIT')
    lock.release()
    await writtenIn(where, 1000, 20_000)
    await caughtUp(working)
    assert.equal(await numbers(where), { written: 1000, events: 1000, stale: 0 })
    assert.is(working.stats().source.redelivered, 0)
  })
}

test('workers come and go while rows are published: exactly once', async () => {
  const where = await place()
  const total = 6_000
  const publishing = publish(where, 0, total)
  const how = { position: 'database' } as const
  const first = await worker(where, how)
  await sleep(700)
  const second = await worker(where, how)
  const child = program(where, how)
  await sleep(1500)
  await first.close()
  child.child.kill('SIGKILL')
  await child.ended()
  await publishing
  await writtenIn(where, total, 40_000)
  await caughtUp(second)
  assert.equal(await numbers(where), { written: total, events: total, stale: 0 })
  await second.close()
})

test.run()
