import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SpoolError } from '../../../src/sources/spool/spool-error.ts'
import { type Draft, SpoolStore } from '../../../src/sources/spool/spool-store.ts'
import { rejectsWith } from '../../support/assertions.ts'

const test = suite('SpoolStore')
let folder: string
let path: string
const open: Database.Database[] = []

test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'batchflow-spool-'))
  path = join(folder, 'spool.db')
})
test.after.each(() => {
  for (const database of open.splice(0)) if (database.open) database.close()
  rmSync(folder, { recursive: true })
})

function connect(to = path): Database.Database {
  const database = new Database(to)
  open.push(database)
  return database
}

const draft = (body: string | Uint8Array, partition = 0): Draft => ({
  partition,
  table: 'users',
  trace: undefined,
  body,
})
const nothing = { drafts: [], letters: [], settled: [] }
const bodies = (store: SpoolStore, partition = 0) =>
  store.read(partition, 0, store.last, 100).map(({ body }) => String(body))

test('what was written is there when the file is opened again, in order and by partition', () => {
  const store = new SpoolStore(connect(), 2, true)
  const bytes = Buffer.from([0, 255, 1])
  const { positions } = store.write({ ...nothing, drafts: [draft('a'), draft('b', 1), draft(bytes)] })
  assert.equal(positions, [1, 2, 3])
  store.close()
  const again = new SpoolStore(connect(), 2, true)
  const [a, b] = again.read(0, 0, 100, 100)
  assert.is(a!.body, 'a')
  assert.is(a!.table_name, 'users')
  assert.ok(Math.abs(a!.at - Date.now()) < 60_000)
  assert.equal([...(b!.body as Uint8Array)], [...bytes])
  assert.equal(bodies(again, 1), ['b'])
})

test('however many are written at once, each is there in its place', () => {
  const store = new SpoolStore(connect(), 3, true)
  const expected: string[][] = [[], [], []]
  for (const count of [0, 1, 3, 4, 15, 16, 17, 37, 200]) {
    const drafts = Array.from({ length: count }, (_, i) => draft(`${count}.${i}`, (i * i) % 3))
    for (const { partition, body } of drafts) expected[partition]!.push(String(body))
    const { positions } = store.write({ ...nothing, drafts })
    assert.is(positions.length, count)
    for (const [i, { partition, body }] of drafts.entries()) {
      assert.is(store.read(partition, positions[i]! - 1, positions[i]!, 1)[0]!.body, body)
    }
  }
  const read = [0, 1, 2].map((partition) => store.read(partition, 0, store.last, 1000).map(({ body }) => String(body)))
  assert.equal(read, expected)
})

test('no position is given twice, even when everything was deleted', () => {
  const store = new SpoolStore(connect(), 1, true)
  store.write({ ...nothing, drafts: [draft('a'), draft('b')] })
  assert.equal(store.write({ ...nothing, settled: [[0, 2]] }).deleted, [[0, 2]])
  store.close()
  const again = new SpoolStore(connect(), 1, true)
  assert.ok(again.file.begin > 2)
  assert.equal(again.write({ ...nothing, drafts: [draft('c')] }).positions, [again.file.begin])
  assert.is(again.file.id, store.file.id)
})

test('a block of positions that is used up is followed by another', () => {
  const store = new SpoolStore(connect(), 1, false)
  const write = { ...nothing, drafts: Array.from({ length: 20_000 }, () => draft('')) }
  for (let i = 0; i < 4; i++) store.write(write)
  const { last } = store
  assert.is(last, 80_000)
  store.close()
  assert.ok(new SpoolStore(connect(), 1, false).file.begin > last)
})

test('a write is done as a whole or not at all', () => {
  const store = new SpoolStore(connect(), 1, true)
  assert.throws(() => store.write({ ...nothing, drafts: [draft('a'), draft('b', 7)] }))
  assert.is(store.count(0), 0)
})

test('a second connection is refused while the first one has it, and taken afterwards', async () => {
  const store = new SpoolStore(connect(), 1, true)
  store.write({ ...nothing, drafts: [draft('a')] })
  const other = connect()
  const error = await rejectsWith(
    SpoolError,
    'ERR_BATCHFLOW_SPOOL',
    /it is open elsewhere: a spool has one process/,
    () => {
      new SpoolStore(other, 1, true)
    },
  )
  assert.is(error.reason, 'locked')
  assert.ok(error.cause instanceof Error)
  store.close()
  assert.equal(bodies(new SpoolStore(other, 1, true)), ['a'])
  assert.throws(() => new SpoolStore(connect(), 1, true), /it is open elsewhere/)
})

test('a closed spool is one file, and its connection can open it again', () => {
  const database = connect()
  const store = new SpoolStore(database, 1, true)
  store.write({ ...nothing, drafts: [draft('a')] })
  store.close()
  assert.not.ok(existsSync(`${path}-wal`))
  assert.equal(bodies(new SpoolStore(database, 1, true)), ['a'])
})

test('a database of somebody else is refused, and left as it was', async () => {
  const database = connect()
  database.exec('CREATE TABLE users (id)')
  const error = await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /another application's database/, () => {
    new SpoolStore(database, 1, true)
  })
  assert.is(error.reason, 'foreign')
  assert.equal(database.prepare('PRAGMA journal_mode').all(), [{ journal_mode: 'delete' }])
  const other = connect()
  other.exec('INSERT INTO users VALUES (1)') // it is not locked
})

test('a database in memory is refused', async () => {
  await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /in memory/, () => new SpoolStore(connect(':memory:'), 1, true))
})

test('a file that is no database is told, and stays as it is', async () => {
  writeFileSync(path, 'something else '.repeat(1000))
  const error = await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /no SQLite database: move it away/, () => {
    new SpoolStore(connect(), 1, true)
  })
  assert.is(error.reason, 'corrupt')
})

test('a file of a later format is refused', async () => {
  const database = connect()
  new SpoolStore(database, 1, true).close()
  database.exec("UPDATE batchflow_spool SET value = 2 WHERE name = 'format'")
  await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /of format 2, this version knows 1: update it/, () => {
    new SpoolStore(database, 1, true)
  })
})

test('another number of partitions is refused while there are rows', async () => {
  const database = connect()
  const store = new SpoolStore(database, 2, true)
  store.write({ ...nothing, drafts: [draft('a', 1)] })
  store.close()
  const error = await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /open it with { partitions: 2 } until/, () => {
    new SpoolStore(database, 4, true)
  })
  assert.is(error.reason, 'partitions')
  const again = new SpoolStore(database, 2, true)
  again.write({ ...nothing, settled: [[1, 1]] })
  again.close()
  assert.is(new SpoolStore(database, 4, true).file.partitions, 4)
})

test('dead letters stay until they are deleted, with their bytes', () => {
  const store = new SpoolStore(connect(), 1, true)
  const letter = {
    partition: 0,
    position: '1',
    acceptedAt: 5,
    putAsideAt: 6,
    reason: 'decode',
    table: undefined,
    code: undefined,
    message: 'the message is no JSON object',
    headers: { traceparent: '00-…' },
    body: new Uint8Array([0, 200]),
  }
  store.write({ ...nothing, letters: [letter, { ...letter, body: 'text', table: 'users', code: '23502' }] })
  const [first, second] = store.deadLetters(0, 10)
  assert.equal({ ...first, body: [...(first!.body as Uint8Array)] }, { ...letter, number: 1, body: [0, 200] })
  assert.equal(second, { ...letter, number: 2, body: 'text', table: 'users', code: '23502' })
  assert.is(store.countDeadLetters(), 2)
  assert.is(store.deleteDeadLetters(1), 1)
  assert.equal(
    store.deadLetters(0, 10).map(({ number }) => number),
    [2],
  )
})

test('room of what was deleted is used again', () => {
  const store = new SpoolStore(connect(), 1, true)
  const drafts = Array.from({ length: 500 }, () => draft('x'.repeat(1000)))
  const most: number[] = []
  for (let round = 0; round < 10; round++) {
    store.write({ ...nothing, drafts })
    most.push(store.usedBytes())
    store.write({ ...nothing, settled: [[0, store.last]] })
  }
  assert.ok(most[0]! > 500_000, String(most[0]))
  assert.ok(Math.max(...most) < 1.2 * most[0]!, most.join(' '))
})

test.run()
