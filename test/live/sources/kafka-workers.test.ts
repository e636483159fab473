/**
 * Workers of one group over Kafka (or kfake, which stands in for it) that are killed, halted and joined by others: what was
 * published is in the database, once where the database remembers, and no older row wins over a newer one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../../src/index.ts'
import { kafkaPublisher } from '../../../src/sources/kafka/index.ts'
import { type AnyRow, Scene } from '../../support/databases/postgres.ts'
import { InlineProgram } from '../../support/programs/inline.ts'
import { createTopic, kafkaServer } from '../../support/servers/kafka.ts'

const server = await kafkaServer()
const scene = await Scene.open()
const test = suite(`kafka workers${server.isStandIn ? ' (kfake)' : ''}`)

const KEYS = 40
/** ms; Kafka itself allows no less than 6000, unless it is told otherwise */
const SESSION = server.isStandIn ? 3000 : 6000
const users = defineTable<AnyRow>('users', {
  columns: ['id', 'version'],
  onConflict: { action: 'update', keys: ['id'] },
})
const events = defineTable<AnyRow>('events', { columns: ['n'] })

type Mode = "acks: 'broker'" | "position: 'database'"

const workerCode = (topic: string, mode: Mode) => `
  import pg from 'pg'
  import { defineTable } from './src/index.ts'
  import { consume } from './src/consume/index.ts'
  import { postgresExecutor } from './src/drivers/postgres/index.ts'
  import { kafka } from './src/sources/kafka/index.ts'
  const pool = new pg.Pool({ connectionString: '${scene.url}', options: '-c search_path=${scene.schema}' })
  const users = defineTable('users', { columns: ['id', 'version'], onConflict: { action: 'update', keys: ['id'] } })
  const events = defineTable('events', { columns: ['n'] })
  const source = kafka({ bootstrapBrokers: ${JSON.stringify(server.brokers)} }, {
    topic: '${topic}', group: '${topic}', sessionTimeout: ${SESSION}, heartbeatInterval: 300,
  })
  const worker = await consume(source, postgresExecutor(pool), { tables: [users, events], ${mode}, flushSize: 100 })
  console.log('reading')
  process.on('SIGTERM', async () => {
    await worker.close()
    await pool.end()
    console.log('closed')
    process.exit()
  })
`

async function worker(topic: string, mode: Mode): Promise<InlineProgram> {
  const program = new InlineProgram(workerCode(topic, mode))
  await program.says('reading')
  return program
}

/** Publishes without a pause until it is told to stop; versions of a key rise. */
async function publishing(topic: string): Promise<() => Promise<number>> {
  const publisher = await kafkaPublisher({ bootstrapBrokers: server.brokers }, { topic })
  let version = 0
  let isOver = false
  const running = (async () => {
    while (!isOver) {
      version++
      const ids = Array.from({ length: KEYS }, (_, id) => id)
      await publisher.submitMany(
        users,
        ids.map((id) => ({ id, version })),
      )
      for (const id of ids) await publisher.submit(events, { n: version * KEYS + id })
      await sleep(100)
    }
    await publisher.close()
  })()
  return async () => {
    isOver = true
    await running
    return version
  }
}

interface Books {
  readonly stale: number
  readonly events: number
  readonly distinct: number
}

async function books(versions: number): Promise<Books> {
  const [{ stale }] = (await scene.sql('SELECT count(*)::int AS stale FROM users WHERE version <> $1', [versions])) as [
    { stale: number },
  ]
  const [counted] = await scene.sql('SELECT count(*)::int AS events, count(DISTINCT n)::int AS distinct FROM events')
  return { stale, ...(counted as { events: number; distinct: number }) }
}

/** @throws when not all is there within a minute */
async function complete(versions: number): Promise<Books> {
  for (const deadline = Date.now() + 60_000; ; await sleep(200)) {
    const now = await books(versions)
    if (now.stale === 0 && now.distinct === versions * KEYS) return now
    if (Date.now() > deadline) throw new Error(`incomplete: ${JSON.stringify(now)} of ${versions * KEYS} events`)
  }
}

async function scenario(mode: Mode, name: string, act: (topic: string) => Promise<void>): Promise<Books> {
  const topic = `${scene.schema}-${name}`
  await createTopic(server.brokers, topic, 6)
  await scene.sql('DROP TABLE IF EXISTS users, events')
  await scene.sql('CREATE TABLE users (id int PRIMARY KEY, version int)')
  await scene.sql('CREATE TABLE events (n int)')
  const stop = await publishing(topic)
  await act(topic)
  const versions = await stop()
  const found = await complete(versions)
  console.log(`  ${mode}, ${name}: ${found.events} rows for ${versions * KEYS} published`)
  return found
}

async function end(program: InlineProgram): Promise<void> {
  program.child.kill('SIGTERM')
  const { code, stdout, stderr } = await program.ended()
  assert.ok(stdout.includes('closed'), stderr)
  assert.is(code, 0)
}

/** How long, in ms, until all keys have got newer rows: somebody reads each partition. */
async function allGoOn(): Promise<number> {
  const since = performance.now()
  const before = await scene.sql('SELECT id, version FROM users')
  for (; performance.now() - since < 60_000; await sleep(50)) {
    const now = new Map((await scene.sql('SELECT id, version FROM users')).map(({ id, version }) => [id, version]))
    if (before.every(({ id, version }) => now.get(id) !== version)) return Math.round(performance.now() - since)
  }
  throw new Error('some keys got no new rows for a minute')
}

for (const mode of ["position: 'database'", "acks: 'broker'"] as const) {
  test(`${mode}: a worker comes, one is killed, another one comes`, async () => {
    const programs: InlineProgram[] = []
    const found = await scenario(mode, `killed-${mode.slice(0, 4)}`, async (topic) => {
      const first = await worker(topic, mode)
      await sleep(1000)
      programs.push(await worker(topic, mode))
      await sleep(2000)
      first.child.kill('SIGKILL')
      console.log(`  ${mode}: all keys go on ${await allGoOn()} ms after kill -9, session timeout ${SESSION} ms`)
      programs.push(await worker(topic, mode))
      await sleep(1500)
    })
    if (mode === "position: 'database'") assert.is(found.events, found.distinct)
    await Promise.all(programs.map(end))
  })
}

test("position: 'database': a worker that was halted until others had its partitions writes nothing of what it holds", async () => {
  const mode = "position: 'database'"
  const programs: InlineProgram[] = []
  const found = await scenario(mode, 'halted', async (topic) => {
    const halted = await worker(topic, mode)
    programs.push(halted, await worker(topic, mode))
    await sleep(2000)
    halted.child.kill('SIGSTOP')
    await allGoOn()
    halted.child.kill('SIGCONT')
    await sleep(3000)
  })
  assert.is(found.events, found.distinct)
  await Promise.all(programs.map(end))
})

test.after(async () => {
  await scene.close()
  await server.stop()
})

test.run()
