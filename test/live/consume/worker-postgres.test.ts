import type pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { consume } from '../../../src/consume/consume.ts'
import type { Worker } from '../../../src/consume/worker.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { postgresExecutor } from '../../../src/drivers/postgres/index.ts'
import { decodeRows, MemoryLog, MemorySource } from '../../support/consume/memory-log.ts'
import { Scene } from '../../support/databases/postgres.ts'

const scene = await Scene.open({ max: 8 })
const test = suite('a worker on PostgreSQL')

interface Item {
  id: number
  value: number
}

const columns = ['id', 'value'] as const

async function tables() {
  const plain = await scene.table('id bigint NOT NULL, value integer CHECK (value >= 0)')
  const keyed = await scene.table('id bigint PRIMARY KEY, value integer')
  return {
    plain: defineTable<Item>(plain, { columns }),
    keyed: defineTable<Item>(keyed, { columns, onConflict: { action: 'update', keys: ['id'] } }),
  }
}

async function until(isDone: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000
  while (!(await isDone())) {
    assert.ok(performance.now() < end, 'it takes too long')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const PARTITIONS = ['a', 'b', 'c', 'd']
const MESSAGES = 2000

/** Rows of one key are in one partition, with growing values. */
function fill(log: MemoryLog, plain: string, keyed: string): void {
  for (let i = 0; i < MESSAGES; i++) {
    const partition = i % PARTITIONS.length
    const key = partition + PARTITIONS.length * ((i >> 2) % 10)
    log.append(PARTITIONS[partition]!, [
      { table: plain, row: { id: 2 * i, value: i } },
      { table: plain, row: { id: 2 * i + 1, value: i } },
      { table: keyed, row: { id: key, value: i } },
    ])
  }
}

/** Ends sessions at work, now and then. */
function killing(pool: pg.Pool): () => Promise<number> {
  let stopped = false
  let killed = 0
  const done = (async () => {
    while (!stopped) {
      const { rowCount } = await pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = $1 AND state <> 'idle' AND pid <> pg_backend_pid() LIMIT 1`,
        [scene.schema],
      )
      killed += rowCount ?? 0
      await new Promise((resolve) => setTimeout(resolve, killed === 0 ? 2 : 100)) // a fast server is seldom caught at work
    }
    return killed
  })()
  return () => {
    stopped = true
    return done
  }
}

test('the position in the database: killed sessions, zombies and abandoned workers lose and double nothing', async () => {
  const { plain, keyed } = await tables()
  const log = new MemoryLog()
  fill(log, plain.name, keyed.name)
  const victims = await Scene.open({
    max: 8,
    application_name: scene.schema,
    options: `-c search_path=${scene.schema}`,
  })
  const executor = postgresExecutor(victims.pool)
    .withConcurrencyLimit(6)
    .withRetry({ maxAttempts: 5, backoffBase: 1, maxBackoff: 20 })
  const workers: Worker[] = []
  const begin = async () => {
    const source = new MemorySource(log)
    source.chunk = 50
    const worker = await consume(source, executor, {
      tables: [plain, keyed],
      position: 'database',
      decode: decodeRows,
      flushSize: 40,
      onTrouble: () => {},
    })
    workers.push(worker)
    return source
  }
  const stop = killing(scene.pool)
  let killed = 0
  const sources = [await begin(), await begin(), await begin()]
  let turn = 0
  await until(async () => {
    const source = sources[turn % sources.length]!
    const partition = PARTITIONS[turn++ % PARTITIONS.length]!
    if (turn < 40) {
      // Nobody tells the one who had it: it goes on, and meets the fence.
      await source.own(partition)
      if (turn % 5 === 0) await source.revoke(partition, true)
    } else if (turn === 40) {
      killed = await stop()
      for (const each of PARTITIONS) await sources[0]!.own(each)
    }
    const done = PARTITIONS.map((each) => log.acknowledged.get(each) ?? 0)
    return turn > 40 && done.every((count) => count === MESSAGES / PARTITIONS.length)
  })
  await Promise.all(workers.map((worker) => worker.close()))
  const [count] = await scene.sql(`SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids FROM ${plain.name}`)
  assert.equal(count, { rows: 2 * MESSAGES, ids: 2 * MESSAGES })
  const rows = await scene.sql(`SELECT id::int, value FROM ${keyed.name} ORDER BY id`)
  const wanted = new Map<number, number>()
  for (let i = 0; i < MESSAGES; i++) wanted.set((i % 4) + 4 * ((i >> 2) % 10), i)
  assert.equal(new Map(rows.map(({ id, value }) => [id, value])), new Map([...wanted].sort(([a], [b]) => a - b)))
  assert.ok(killed > 0, 'no session was killed')
  console.log(`${killed} sessions killed; ${log.letters.length} letters`)
  assert.equal(log.letters, [])
  await victims.close()
})

test('a row that the table refuses is put aside alone, in either mode', async () => {
  for (const mode of [{ acks: 'broker' }, { position: 'database' }] as const) {
    const { plain, keyed } = await tables()
    const log = new MemoryLog()
    const source = new MemorySource(log)
    for (let id = 1; id <= 100; id++) log.append('a', [{ table: plain.name, row: { id, value: id === 50 ? -1 : id } }])
    const executor = postgresExecutor(scene.pool)
    const options = { tables: [plain, keyed], decode: decodeRows, ...mode }
    const worker = await consume(source, executor, options)
    await source.own('a')
    await until(() => log.acknowledged.get('a') === 100)
    await worker.close()
    const [count] = await scene.sql(`SELECT count(*)::int AS rows FROM ${plain.name}`)
    assert.equal(count, { rows: 99 })
    assert.equal(
      log.letters.map(({ position, why }) => [position, why.reason, why.code]),
      [['50', 'constraint', '23514']],
    )
  }
})

test('a table that is missing holds the partition until it is there', async () => {
  for (const mode of [{ acks: 'broker' }, { position: 'database' }] as const) {
    const name = await scene.table('id bigint, value integer')
    await scene.sql(`ALTER TABLE ${name} RENAME TO hidden`)
    const table = defineTable<Item>(name, { columns })
    const log = new MemoryLog()
    const source = new MemorySource(log)
    for (let id = 1; id <= 10; id++) log.append('a', [{ table: name, row: { id, value: id } }])
    const kinds: string[] = []
    const executor = postgresExecutor(scene.pool)
    const worker = await consume(source, executor, {
      tables: [table],
      decode: decodeRows,
      onTrouble: ({ kind, error }) => kinds.push(`${kind} ${error === undefined ? 'ends' : 'begins'}`),
      ...mode,
    })
    await source.own('a')
    await until(() => kinds.length > 0)
    await scene.sql(`ALTER TABLE hidden RENAME TO ${name}`)
    await until(() => log.acknowledged.get('a') === 10)
    await worker.close()
    assert.equal(kinds, ['place begins', 'place ends'])
    assert.equal(log.letters, [])
    const [count] = await scene.sql(`SELECT count(*)::int AS rows FROM ${name}`)
    assert.equal(count, { rows: 10 })
  }
})

test.after(() => scene.close())
test.run()
