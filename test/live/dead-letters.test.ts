import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { defineTable } from '../../src/contract/table.ts'
import { deadLetterFile } from '../../src/dead-letters/dead-letter-file.ts'
import { type DeadLetterRow, deadLetterTo } from '../../src/dead-letters/dead-letter-to.ts'
import { replayDeadLetters } from '../../src/dead-letters/replay.ts'
import { redisExecutor } from '../../src/drivers/redis/index.ts'
import { createExecutor } from '../../src/executor/executor.ts'
import { BatchFlow } from '../../src/flow/batch-flow.ts'
import { letter, temporaryFolder } from '../support/dead-letters/files.ts'
import { appends, openStore, type Store, upserts } from '../support/dead-letters/stores.ts'
import { committing } from '../support/engine/memory-driver.ts'
import { ids, users } from '../support/engine/tables.ts'
import { servers } from '../support/servers/servers.ts'

const test = suite('dead letters of real databases')
const folder = temporaryFolder(test)
const postgres = await servers.postgres()
const redis = await servers.redis()
const places = { SQLite: join(folder.path, 'database'), ...(postgres && { PostgreSQL: postgres.url }) }

let made = 0

/** Tables of its own for a test, dropped afterwards. */
async function withStore(place: string, act: (store: Store, prefix: string) => Promise<void>): Promise<void> {
  const store = openStore(place)
  const prefix = `letters_${process.pid}_${++made}`
  try {
    await store.run(`CREATE TABLE ${prefix}_upserts (id integer PRIMARY KEY, version integer)`)
    await store.run(`CREATE TABLE ${prefix}_appends (id integer, version integer)`)
    await act(store, prefix)
  } finally {
    for (const name of ['upserts', 'appends', 'values']) await store.run(`DROP TABLE IF EXISTS ${prefix}_${name}`)
    await store.close()
  }
}

/** How a database is made to refuse rows, and to take them after all. */
const REFUSALS = {
  PostgreSQL: (table: string) => [
    `ALTER TABLE ${table} ADD CONSTRAINT refused CHECK (id < 5)`,
    `ALTER TABLE ${table} DROP CONSTRAINT refused`,
  ],
  SQLite: (table: string) => [
    `CREATE TRIGGER refused BEFORE INSERT ON ${table} WHEN new.id >= 5 BEGIN SELECT RAISE(ABORT, 'no'); END`,
    'DROP TRIGGER refused',
  ],
}

interface Sample {
  id: bigint
  at: Date
  bytes: Buffer
  note: string | null
}

for (const [name, place] of Object.entries(places)) {
  test(`${name}: rows that were refused are kept, and committed once the reason is gone`, async () => {
    await withStore(place, async (store, prefix) => {
      const table = `${prefix}_values`
      const path = join(folder.path, table)
      const [type, blob] = name === 'SQLite' ? ['text', 'blob'] : ['timestamptz', 'bytea']
      await store.run(`CREATE TABLE ${table} (id bigint PRIMARY KEY, at ${type}, bytes ${blob}, note text)`)
      const [refuse, allow] = REFUSALS[name as keyof typeof REFUSALS](table) as [string, string]
      await store.run(refuse)
      const samples = defineTable<Sample>(table, { columns: ['id', 'at', 'bytes', 'note'] })
      const rows = Array.from({ length: 10 }, (_, id) => ({
        id: BigInt(id),
        at: new Date(1e12 + id),
        bytes: Buffer.from([0, 255, id]),
        note: id % 2 === 0 ? null : `{"$note":"${id}"}`,
      }))
      const flow = new BatchFlow(store.executor, { deadLetter: deadLetterFile(path) })
      await flow.submitMany(samples, rows)
      assert.is((await flow.close()).failed, 5)
      await store.run(allow)
      const again = new BatchFlow(store.executor)
      assert.is((await replayDeadLetters(path, again, [samples])).committed, 5)
      await again.close()
      const read = await store.rows(`SELECT * FROM ${table} ORDER BY id`)
      assert.is(read.length, 10)
      for (const [i, { at, bytes, note }] of read.entries()) {
        assert.equal(new Date(at as string), rows[i]!.at)
        assert.equal(Buffer.from(bytes as Buffer), rows[i]!.bytes)
        assert.is(note, rows[i]!.note)
      }
      assert.not(existsSync(path))
    })
  })

  test(`${name}: a replay that is killed, twice, goes on where it was`, async () => {
    await withStore(place, async (store, prefix) => {
      const path = join(folder.path, prefix)
      await keepLetters(path, prefix)
      for (const atLeast of [500, 6_000]) await killedReplay(store, path, place, prefix, atLeast)
      const flow = new BatchFlow(store.executor)
      const { committed, failed, remaining } = await replayDeadLetters(path, flow, [upserts(prefix), appends(prefix)])
      await flow.close()
      assert.equal([failed, remaining], [0, 0])
      assert.ok(committed <= 2 * LETTERS - 6_000 + 2 * WINDOW, 'what was done before is not done again')
      const stored = await store.rows(`SELECT id, version FROM ${prefix}_upserts ORDER BY id`)
      assert.equal(
        stored.map(({ id, version }) => [id, version]),
        Array.from({ length: LETTERS / 2 }, (_, id) => [id, 1]),
      )
      const [counts] = await store.rows(`SELECT count(*) AS n, count(DISTINCT id) AS ids FROM ${prefix}_appends`)
      assert.is(Number(counts!['ids']), LETTERS, 'each row at least once')
      assert.ok(Number(counts!['n']) <= LETTERS + 2 * WINDOW, 'and twice only within the window')
    })
  })

  test(`${name}: dead letters in a table`, async () => {
    await withStore(place, async (store, prefix) => {
      const table = `${prefix}_values`
      await store.run(`CREATE TABLE ${table} (table_name text, "row" text, reason text, code text, fault text,
        ambiguous ${name === 'SQLite' ? 'integer' : 'boolean'}, attempts integer, trace_id text, span_id text,
        failed_at ${name === 'SQLite' ? 'text' : 'timestamptz'})`)
      const flow = new BatchFlow(store.executor)
      const handler = deadLetterTo(flow, defineTable<DeadLetterRow>(table, { columns: DEAD }))
      await handler([letter(1, { row: { id: 1n }, traceId: 'abc' })])
      await flow.close()
      const [row] = await store.rows(`SELECT * FROM ${table}`)
      assert.is(row!['row'], '{"id":{"$bigint":"1"}}')
      assert.equal([row!['reason'], row!['code'], row!['trace_id']], ['constraint', null, 'abc'])
      assert.is(Boolean(row!['ambiguous']), false)
      assert.ok(Math.abs(new Date(row!['failed_at'] as string).getTime() - Date.now()) < 60_000)
    })
  })
}

test('processes that write to a path while it is replayed, again and again, lose no letter and double none', async () => {
  const path = join(folder.path, 'shared')
  const writers = [0, 10_000].map((first) => program('write-program.ts', path, String(first), '800'))
  let writing = writers.length
  for (const { ended } of writers) void ended.then(() => writing--)
  const driver = committing()
  const flow = new BatchFlow(createExecutor(driver))
  let replays = 0
  for (let last = false; !last; replays++) {
    last = writing === 0
    assert.is((await replayDeadLetters(path, flow, [users])).remaining, 0)
  }
  await flow.close()
  assert.ok(replays > 10)
  const written = ids(driver.committed)
  assert.is(written.length, 1600)
  assert.is(new Set(written).size, 1600)
})

if (redis !== undefined) {
  test('Redis: dead letters in a stream', async () => {
    const client = new Redis(redis.url)
    const stream = `dead_letters_${process.pid}`
    try {
      const flow = new BatchFlow(redisExecutor(client))
      await deadLetterTo(flow, defineTable<DeadLetterRow>(stream, { columns: DEAD }))([letter(1)])
      await flow.close()
      const [entry] = await client.xrange(stream, '-', '+')
      const fields = entry![1].join(' ')
      assert.match(
        fields,
        /^table_name users row \{"id":1,.*\} reason constraint fault row ambiguous false attempts 1 failed_at 2/,
      )
    } finally {
      await client.del(stream)
      await client.quit()
    }
  })
}

const DEAD = [
  ...(['table_name', 'row', 'reason', 'code', 'fault', 'ambiguous', 'attempts'] as const),
  ...(['trace_id', 'span_id', 'failed_at'] as const),
]
const LETTERS = 10_000
const WINDOW = 400

/** So many for each table; a key of the upserts has an old letter and a new one. */
async function keepLetters(path: string, prefix: string): Promise<void> {
  const file = deadLetterFile(path, { maxBytes: 1_000_000, fsync: false })
  const letters = Array.from({ length: LETTERS }, (_, i) => [
    letter(0, { table: `${prefix}_upserts`, row: { id: i % (LETTERS / 2), version: Math.floor(i / (LETTERS / 2)) } }),
    letter(0, { table: `${prefix}_appends`, row: { id: i, version: 0 } }),
  ])
  for (let i = 0; i < LETTERS; i += 100) await file(letters.slice(i, i + 100).flat())
}

/** A program that writes or replays letters, in a process of its own. */
function program(name: string, ...args: readonly string[]): { child: ChildProcess; ended: Promise<string | null> } {
  const main = join(import.meta.dirname, '../support/dead-letters', name)
  const stdio = ['ignore', 'inherit', 'inherit'] as const
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], { stdio: [...stdio] })
  return { child, ended: new Promise((resolve) => child.once('close', (_, signal) => resolve(signal))) }
}

/** Replays in a process that is killed when so many rows are there. */
async function killedReplay(store: Store, path: string, place: string, prefix: string, atLeast: number) {
  const { child, ended } = program('replay-program.ts', path, place, prefix, String(WINDOW))
  while (isRunning(child)) {
    const [{ n } = {}] = await store.rows(`SELECT count(*) AS n FROM ${prefix}_appends`)
    if (Number(n) * 2 >= atLeast) break
  }
  child.kill('SIGKILL')
  assert.is(await ended, 'SIGKILL', 'it was killed in the middle')
  assert.is(JSON.parse(readFileSync(`${path}.replay`, 'utf8')).pid, child.pid)
}

function isRunning({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === null && signalCode === null
}

test.run()
