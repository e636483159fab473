import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { consume } from '../../../src/consume/consume.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { sqliteExecutor } from '../../../src/drivers/sqlite/index.ts'
import { decodeRows, MemoryLog, MemorySource } from '../../support/consume/memory-log.ts'
import { libsql, SqliteDatabase } from '../conformance/backends/sqlite.ts'

const test = suite('a worker on SQLite')

interface Item {
  id: number
  value: number
}

const columns = ['id', 'value'] as const

function live(name: string, run: (database: SqliteDatabase) => Promise<void>): void {
  test(name, async () => {
    const database = new SqliteDatabase(libsql, 'file')
    await run(database).finally(() => database.close())
  })
}

async function until(isDone: () => boolean): Promise<void> {
  const end = performance.now() + 30_000
  while (!isDone()) {
    assert.ok(performance.now() < end, 'it takes too long')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

live('of rows of one key the first one stays, though the table was not there when it came', async ({ connection }) => {
  const table = defineTable<Item>('firsts', { columns, onConflict: { action: 'ignore', keys: ['id'] } })
  const log = new MemoryLog()
  const source = new MemorySource(log)
  for (let value = 1; value <= 5; value++) log.append('a', [{ table: 'firsts', row: { id: 1, value } }])
  const worker = await consume(source, sqliteExecutor(connection), {
    tables: [table],
    acks: 'broker',
    decode: decodeRows,
    flushSize: 1,
    onTrouble: ({ kind, error }) => {
      // At the earliest moment there is: those behind the first row have not been sent yet.
      if (kind === 'place' && error !== undefined)
        connection.exec('CREATE TABLE firsts (id INTEGER PRIMARY KEY, value INTEGER)')
    },
  })
  await source.own('a')
  await until(() => log.acknowledged.get('a') === 5)
  const { committed, failed, superseded, source: read } = worker.stats()
  assert.equal([committed, failed, superseded], [5, 0, 0])
  assert.equal(read.messages, { committed: 5, dead_lettered: 0, dropped: 0 })
  await worker.close()
  assert.equal(connection.prepare('SELECT id, value FROM firsts').all(), [{ id: 1, value: 1 }])
})

live('a row that comes again after it was committed changes nothing, and is committed', async ({ connection }) => {
  connection.exec('CREATE TABLE firsts (id INTEGER PRIMARY KEY, value INTEGER)')
  const table = defineTable<Item>('firsts', { columns, onConflict: { action: 'ignore', keys: ['id'] } })
  const log = new MemoryLog()
  for (let value = 1; value <= 3; value++) log.append('a', [{ table: 'firsts', row: { id: 1, value } }])
  for (let run = 1; run <= 2; run++) {
    const source = new MemorySource(log)
    log.acknowledged.clear() // nothing of it arrived
    const options = { tables: [table], acks: 'broker', decode: decodeRows } as const
    const worker = await consume(source, sqliteExecutor(connection), options)
    await source.own('a')
    await until(() => log.acknowledged.get('a') === 3)
    assert.equal(worker.stats().source.messages, { committed: 3, dead_lettered: 0, dropped: 0 })
    assert.equal([worker.stats().failed, worker.stats().superseded], [0, 0])
    await worker.close()
  }
  assert.equal(connection.prepare('SELECT id, value FROM firsts').all(), [{ id: 1, value: 1 }])
})

live('a bad row costs a letter, once, though the worker is lost right after it', async ({ connection }) => {
  connection.exec('CREATE TABLE items (id INTEGER, value INTEGER CHECK (value >= 0))')
  const table = defineTable<Item>('items', { columns })
  const log = new MemoryLog()
  for (let id = 1; id <= 100; id++) log.append('a', [{ table: 'items', row: { id, value: id === 50 ? -1 : id } }])
  const begin = async () => {
    const source = new MemorySource(log)
    source.chunk = 100
    const options = { tables: [table], position: 'database', decode: decodeRows, onTrouble: () => {} } as const
    const worker = await consume(source, sqliteExecutor(connection), options)
    return { source, worker }
  }
  const first = await begin()
  first.source.onDeadLetter = () => void connection.exec('ALTER TABLE items RENAME TO hidden')
  await first.source.own('a')
  await until(() => first.worker.stats().source.troubles.length > 0)
  await first.source.revoke('a', true)
  await first.worker.close()
  assert.equal([log.letters.length, first.worker.stats().committed, first.worker.stats().failed], [1, 49, 1])
  connection.exec('ALTER TABLE hidden RENAME TO items')
  const second = await begin()
  await second.source.own('a')
  await until(() => log.acknowledged.get('a') === 100)
  await second.worker.close()
  assert.is(log.letters.length, 1)
  const [count] = connection.prepare('SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM items').all() as object[]
  assert.equal(count, { rows: 99, ids: 99 })
})

test.run()
