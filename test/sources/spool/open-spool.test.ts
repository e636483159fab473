import { setTimeout as sleep } from 'node:timers/promises'
import type Database from 'libsql'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deletion } from '../../../src/contract/deletion.ts'
import { AbortedError, ClosedError, InvalidRowError, RowFailedError } from '../../../src/contract/errors.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { sqliteExecutor } from '../../../src/drivers/sqlite/index.ts'
import { openSpool } from '../../../src/sources/spool/open-spool.ts'
import { spool } from '../../../src/sources/spool/spool.ts'
import { SpoolError } from '../../../src/sources/spool/spool-error.ts'
import { spoolPublisher } from '../../../src/sources/spool/spool-publisher.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'
import { rejectsWith } from '../../support/assertions.ts'
import { SpoolFiles } from './spool-files.ts'

const test = suite('openSpool')
const users = defineTable<{ id: number; name: string | null }>('users', { columns: ['id', 'name'] })
const latest = defineTable<{ id: number; name: string }>('latest', {
  columns: ['id', 'name'],
  onConflict: { action: 'update', keys: ['id'] },
})

const erasable = defineTable<{ id: number; name: string }>('latest', {
  columns: ['id', 'name'],
  onConflict: { action: 'update', keys: ['id'] },
  deletes: true,
})

let files: SpoolFiles
let target: Database.Database
const stored = () => (target.prepare('SELECT id FROM users ORDER BY id').all() as { id: number }[]).map(({ id }) => id)

test.before.each(() => {
  files = new SpoolFiles()
  target = files.connect(`${files.folder}/target.db`)
  target.exec('CREATE TABLE users (id int, name text NOT NULL)')
  target.exec('CREATE TABLE latest (id int PRIMARY KEY, name text)')
})
test.after.each(() => files.remove())

const EXACTLY = { tables: [users, latest], position: 'database' } as const

for (const how of [{ position: 'database' }, { acks: 'broker' }] as const) {
  const [mode] = Object.entries(how)[0]!
  test(`${mode}: what is written is in the database, what is submitted will be`, async () => {
    const flow = await openSpool(files.connect(), sqliteExecutor(target), { tables: [users], ...how })
    await flow.write(users, { id: 1, name: 'x' })
    assert.equal(stored(), [1])
    await flow.submit(users, { id: 2, name: 'y' })
    await flow.submitMany(users, [
      { id: 3, name: 'z' },
      { id: 4, name: 'z' },
    ])
    await Promise.all([5, 6, 7].map((id) => flow.write(users, { id, name: 'w' })))
    while (flow.stats().spool.messages > 0) await sleep(1)
    assert.equal(stored(), [1, 2, 3, 4, 5, 6, 7])
    const { committed, failed, left } = await flow.close()
    assert.equal({ committed, failed, left }, { committed: 7, failed: 0, left: 0 })
    await rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', /closed/, () => flow.submit(users, { id: 8, name: '' }))
  })
}

for (const how of [{ position: 'database' }, { acks: 'broker' }] as const) {
  test(`${Object.keys(how)[0]}: deletions keep their order among rows, and are put aside where the table takes none`, async () => {
    const flow = await openSpool(files.connect(), sqliteExecutor(target), { tables: [erasable, users], ...how })
    await flow.submitMany(erasable, [{ id: 1, name: 'a' }, { id: 2, name: 'a' }, deletion({ id: 1 })])
    await flow.submitMany(erasable, [deletion({ id: 2 }), { id: 2, name: 'b' }, deletion({ id: 3 })])
    await flow.write(erasable, deletion({ id: 4 }))
    const error = await flow.submit(users, deletion({ id: 1 })).catch((thrown: unknown) => thrown)
    assert.instance(error, InvalidRowError)
    while (flow.stats().spool.messages > 0) await sleep(1)
    await flow.close()
    assert.equal(target.prepare('SELECT id, name FROM latest').all(), [{ id: 2, name: 'b' }])
  })
}

test('rows of an earlier process are written, each once', async () => {
  const log = spool(files.connect())
  await spoolPublisher(log).submitMany(
    users,
    Array.from({ length: 1000 }, (_, id) => ({ id, name: 'n' })),
  )
  const crashed = files.copy()
  const flow = await openSpool(files.connect(crashed), sqliteExecutor(target), EXACTLY)
  while (flow.stats().spool.messages > 0) await sleep(1)
  await flow.close()
  // The same file once more, as it was before its rows were deleted: a crash at the worst moment.
  const again = await openSpool(files.connect(files.copy()), sqliteExecutor(target), EXACTLY)
  while (again.stats().worker.source.held > 0 || again.stats().spool.messages > 0) await sleep(1)
  await again.close()
  assert.is(stored().length, 1000)
})

test('a row that the database refuses fails by itself, and is among the dead letters', async () => {
  const flow = await openSpool(files.connect(), sqliteExecutor(target), { ...EXACTLY, partitions: 1 })
  const fates = await Promise.allSettled([
    flow.write(users, { id: 1, name: 'x' }),
    flow.write(users, { id: 2, name: null }),
    flow.write(users, { id: 3, name: 'x' }),
  ])
  assert.equal(
    fates.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  const error = (fates[1] as PromiseRejectedResult).reason as RowFailedError
  assert.ok(error instanceof RowFailedError)
  assert.is(error.table, 'users')
  assert.is(error.reason, 'constraint')
  assert.is(error.fault, 'row')
  assert.equal(stored(), [1, 3])
  const [letter, ...none] = flow.spool.deadLetters()
  assert.equal(none, [])
  assert.is(letter!.reason, 'constraint')
  assert.is(letter!.body, '{"v":1,"t":"users","r":[{"id":2,"name":null}]}')
  await flow.close()
})

test('who waits hears of it where letters go elsewhere, too', async () => {
  const letters: string[] = []
  const deadLetter = async (_: string, { body }: { body: string | Uint8Array }) => void letters.push(String(body))
  const flow = await openSpool(files.connect(), sqliteExecutor(target), { ...EXACTLY, deadLetter })
  await rejectsWith(RowFailedError, 'ERR_BATCHFLOW_ROW_FAILED', /constraint/, () =>
    flow.write(users, { id: 2, name: null }),
  )
  assert.is(letters.length, 1)
  assert.equal(flow.spool.deadLetters(), [])
  await flow.close()
})

test('rows are accepted while the database takes none, and stay when it is closed', async () => {
  target.exec('DROP TABLE users')
  const file = files.connect()
  const troubles: unknown[] = []
  const onTrouble = ({ kind }: { kind: string }) => void troubles.push(kind)
  const flow = await openSpool(file, sqliteExecutor(target), { ...EXACTLY, onTrouble })
  await flow.submit(users, { id: 1, name: 'x' })
  const waiting = flow.write(users, { id: 2, name: 'x' })
  while (troubles.length === 0) await sleep(1)
  assert.equal(troubles, ['place'])
  const closing = flow.close({ timeout: 100 })
  const error = await rejectsWith(
    SpoolError,
    'ERR_BATCHFLOW_SPOOL',
    /it is stored, and written after the next/,
    () => waiting,
  )
  assert.is(error.reason, 'deferred')
  assert.is((await closing).left, 2)
  target.exec('CREATE TABLE users (id int, name text)')
  const next = await openSpool(file, sqliteExecutor(target), EXACTLY)
  while (next.stats().spool.messages > 0) await sleep(1)
  assert.equal(stored(), [1, 2])
  await next.close()
})

test('the wait for the database can be given up', async () => {
  target.exec('DROP TABLE users')
  const flow = await openSpool(files.connect(), sqliteExecutor(target), { ...EXACTLY, onTrouble: () => {} })
  const abort = new AbortController()
  const waiting = flow.write(users, { id: 1, name: 'x' }, { signal: abort.signal })
  abort.abort(new Error('enough'))
  await rejectsWith(AbortedError, 'ERR_BATCHFLOW_ABORTED', /may be stored nevertheless/, () => waiting)
  assert.is((await flow.close({ timeout: 100 })).left, 1)
})

test('a table that the worker would not know is refused', async () => {
  const flow = await openSpool(files.connect(), sqliteExecutor(target), EXACTLY)
  const other = defineTable<{ id: number }>('users', { columns: ['id'] })
  for (const act of [() => flow.submit(other, { id: 1 }), () => flow.write(other, { id: 1 })]) {
    await rejectsWith(
      OptionError,
      'ERR_BATCHFLOW_OPTION',
      /table "users" is not among the tables of openSpool, as it/,
      act,
    )
  }
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', /submitMany: table/, () => flow.submitMany(other, [{ id: 1 }]))
  await flow.close()
})

test('it waits for the process before it to give the file back', async () => {
  const before = spool(files.connect())
  const file = files.connect()
  await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /open elsewhere/, () =>
    openSpool(file, sqliteExecutor(target), { ...EXACTLY, lockTimeout: 0 }),
  )
  const opening = openSpool(file, sqliteExecutor(target), EXACTLY)
  await sleep(150)
  await before.close()
  await (await opening).close()
})

test('what is wrong with its options leaves the file free', async () => {
  const file = files.connect()
  const wrong = { ...EXACTLY, flushSise: 1 } as never
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', /unknown option "flushSise"/, () =>
    openSpool(file, sqliteExecutor(target), wrong),
  )
  await spool(files.connect()).close()
})

test.run()
