import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { AbortedError, ClosedError, InvalidRowError } from '../../../src/contract/errors.ts'
import { defineTable } from '../../../src/contract/table.ts'
import { type Spool, spool } from '../../../src/sources/spool/spool.ts'
import { SpoolError } from '../../../src/sources/spool/spool-error.ts'
import { spoolPublisher } from '../../../src/sources/spool/spool-publisher.ts'
import { OptionError } from '../../../src/support/batchflow-error.ts'
import { rejectsWith, thrownBy } from '../../support/assertions.ts'
import { Host, SpoolFiles } from './spool-files.ts'

const test = suite('spool')
const users = defineTable<{ id: number; name?: string }>('users', {
  columns: ['id', 'name'],
  onConflict: { action: 'update', keys: ['id'] },
})
const events = defineTable<{ id: number; name: string }>('events', { columns: ['id', 'name'] })

let files: SpoolFiles
test.before.each(() => {
  files = new SpoolFiles()
})
test.after.each(() => files.remove())

const one = { partitions: 1 }
const DATABASE = { position: 'database' } as const
const SOURCE = { position: 'source' } as const

test('a row that was accepted is handed over by the next process', async () => {
  await spoolPublisher(spool(files.connect())).submit(users, { id: 1, name: 'x' })
  const crashed = files.connect(files.copy())
  const host = new Host()
  const log = spool(crashed)
  await log.start(host, SOURCE)
  await host.has(1)
  assert.equal(host.rows, [{ id: 1, name: 'x' }])
  await log.close()
})

test('rows that come together are stored together, in as few messages as may be', async () => {
  const log = spool(files.connect(), one)
  const publisher = spoolPublisher(log)
  const promises = Array.from({ length: 250 }, (_, id) => publisher.submit(users, { id }))
  promises.push(publisher.submit(events, { id: 1, name: 'e' }))
  assert.is(new Set(promises).size, 1)
  assert.is(log.stats().waiting, 251)
  await promises[0]
  assert.is(log.stats().messages, 4)
  assert.is(log.stats().waiting, 0)
  const host = new Host()
  await log.start(host, SOURCE)
  await host.has(251)
  assert.equal(host.rows, [...Array.from({ length: 250 }, (_, id) => ({ id })), { id: 1, name: 'e' }])
  await log.close()
})

test('rows of one key stay in order, whatever partition it has', async () => {
  const log = spool(files.connect(), { partitions: 3 })
  const publisher = spoolPublisher(log)
  for (let round = 0; round < 5; round++) {
    for (let id = 0; id < 20; id++) void publisher.submit(users, { id, name: `${round}` })
    if (round % 2 === 0) await publisher.flush()
  }
  await publisher.close()
  const host = new Host()
  await log.start(host, SOURCE)
  await host.has(100)
  for (let id = 0; id < 20; id++) {
    const names = (host.rows as { id: number; name: string }[]).filter((row) => row.id === id).map(({ name }) => name)
    assert.equal(names, ['0', '1', '2', '3', '4'])
  }
  assert.is(new Set(host.calls.filter((call) => call.startsWith('deliver'))).size, 3)
  await log.close()
})

test('rows of one call are many groups, each stored before the next is made', async () => {
  const log = spool(files.connect(), one)
  const publisher = spoolPublisher(log)
  function* rows() {
    for (let id = 0; id < 20_000; id++) {
      assert.ok(log.stats().waiting <= 5001)
      yield { id }
    }
  }
  await publisher.submitMany(users, rows())
  assert.is(log.stats().messages, 200)
  async function* few() {
    yield { id: 1 }
    yield { id: 2 }
  }
  await publisher.publishMany(users, few())
  assert.is(log.stats().messages, 201)
  await log.close()
})

test('what is acknowledged is gone, what is not comes again', async () => {
  const database = files.connect()
  const log = spool(database, one)
  const publisher = spoolPublisher(log)
  for (let id = 0; id < 3; id++) await publisher.submit(users, { id })
  const host = new Host()
  await log.start(host, SOURCE)
  await host.has(3)
  await log.acknowledge('0', host.messages.slice(0, 2))
  await log.close()
  const again = spool(database, one)
  const next = new Host()
  await again.start(next, SOURCE)
  await next.has(1)
  assert.equal(next.rows, [{ id: 2 }])
  assert.equal(next.messages[0]!.position, host.messages[2]!.position)
  await again.close()
})

test('a worker that is started again goes on where the last one was', async () => {
  const log = spool(files.connect(), one)
  const publisher = spoolPublisher(log)
  for (let id = 0; id < 3; id++) await publisher.submit(users, { id })
  const first = new Host()
  await log.start(first, SOURCE)
  await first.has(3)
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', /a spool has one/, () => log.start(first, SOURCE))
  await log.acknowledge('0', first.messages.slice(0, 1))
  await log.stop()
  const second = new Host()
  await log.start(second, SOURCE)
  await second.has(2)
  assert.equal(second.rows, [{ id: 1 }, { id: 2 }])
  await log.close()
  assert.equal(second.calls, ['assigned 0', 'deliver 0', 'revoked 0'])
})

test('reading begins where the database stands, in the middle of a message too', async () => {
  const database = files.connect()
  const log = spool(database, one)
  const publisher = spoolPublisher(log)
  for (let id = 0; id < 3; id++) await publisher.submit(users, { id })
  await log.close()
  for (const [position, ids] of [
    ['2', [2]],
    ['2#1', [1, 2]],
    ['', [0, 1, 2]],
  ] as const) {
    const again = spool(files.connect(files.copy()), one)
    const host = new Host()
    host.position = () => position
    await again.start(host, DATABASE)
    await host.has(ids.length)
    assert.equal(
      host.rows,
      ids.map((id) => ({ id })),
      position,
    )
    await again.close()
  }
})

test('positions are in order', () => {
  const log = spool(files.connect(), one)
  const ordered = ['', '1#1', '1#2', '1#10', '1', '2#1', '2', '10']
  for (const [i, a] of ordered.entries()) {
    for (const [j, b] of ordered.entries()) assert.is(Math.sign(log.compare(a, b)), Math.sign(i - j), `${a} and ${b}`)
  }
})

test('a file that is older than the database says reads nothing', async () => {
  const log = spool(files.connect(), one)
  await spoolPublisher(log).submit(users, { id: 1 })
  const host = new Host()
  host.position = () => '999999'
  await log.start(host, DATABASE)
  await host.has(1)
  const [error] = host.troubles as SpoolError[]
  assert.is(error!.reason, 'outdated')
  assert.match(error!.message, /partition 0 that this file has not come to: an old copy/)
  assert.equal(host.rows, [])
  assert.is(log.stats().messages, 1)
  await log.close()
})

test('no two spools are one to the database', async () => {
  const [first, second] = [spool(files.connect()), spool(files.connect(`${files.path}2`))]
  assert.match(first.destination, /^spool-[0-9a-f]{12}$/)
  assert.is.not(first.destination, second.destination)
  await Promise.all([first.close(), second.close()])
  assert.is(spool(files.connect(files.copy())).destination, first.destination)
})

test('no more is handed over than is taken', async () => {
  const log = spool(files.connect(), one)
  const publisher = spoolPublisher(log)
  const host = new Host()
  let go!: () => void
  host.room = new Promise((resolve) => (go = resolve))
  await log.start(host, SOURCE)
  await publisher.submit(users, { id: 0 })
  await host.has(1)
  await publisher.submit(users, { id: 1 })
  await publisher.submit(users, { id: 2 })
  assert.is(host.rows.length, 1)
  go()
  await host.has(3)
  assert.is(host.calls.filter((call) => call === 'deliver 0').length, 2)
  await log.close()
})

const large = 'x'.repeat(10_000)

test('a full spool makes rows wait until others have left it', async () => {
  const log = spool(files.connect(), { ...one, maxFileBytes: 1024 * 1024 })
  const publisher = spoolPublisher(log)
  const host = new Host()
  await log.start(host, SOURCE)
  let accepted = 0
  for (let id = 0; id < 300; id++) void publisher.submit(users, { id, name: large }).then(() => accepted++)
  await publisher.flush()
  assert.ok(accepted < 300, String(accepted))
  assert.ok(log.stats().bytes <= 1024 * 1024)
  while (accepted < 300) {
    await log.acknowledge('0', host.messages)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await host.has(300)
  assert.equal(
    host.rows.map((row) => (row as { id: number }).id),
    Array.from({ length: 300 }, (_, id) => id),
  )
  await log.close()
})

test('or refuses them', async () => {
  const log = spool(files.connect(), { ...one, maxFileBytes: 1024 * 1024, overflow: 'reject' })
  const publisher = spoolPublisher(log)
  const write = async () => {
    for (let id = 0; id < 300; id++) await publisher.submit(users, { id, name: large })
  }
  const error = await rejectsWith(
    SpoolError,
    'ERR_BATCHFLOW_SPOOL',
    /maxFileBytes \(1048576\) are taken; the row was not/,
    write,
  )
  assert.is(error.reason, 'full')
  await log.close()
})

test('a row that could never have room is refused', async () => {
  const log = spool(files.connect(), { ...one, maxFileBytes: 1024 * 1024 })
  const row = { id: 1, name: 'x'.repeat(1024 * 1024) }
  await rejectsWith(InvalidRowError, 'ERR_BATCHFLOW_ROW', /larger than a quarter of maxFileBytes/, () =>
    spoolPublisher(log).submit(users, row),
  )
  await log.close()
})

test('a full disk refuses rows, and takes them when there is room again', async () => {
  const database = files.connect()
  const log = spool(database, one)
  const publisher = spoolPublisher(log)
  const pages = database.prepare('PRAGMA page_count').all() as { page_count: number }[]
  database.exec(`PRAGMA max_page_count = ${pages[0]!.page_count + 2}`) // SQLite itself then says what it says of a full disk
  const row = { id: 1, name: large }
  const error = await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /rows were not accepted: the disk is full/, () =>
    Promise.all([publisher.submit(users, row), publisher.submit(users, row)]),
  )
  assert.is(error.reason, 'out_of_space')
  assert.is(log.stats().messages, 0)
  database.exec('PRAGMA max_page_count = 100000')
  await publisher.submit(users, row)
  assert.is(log.stats().messages, 1)
  await log.close()
})

test('a message that is put aside stays, with why', async () => {
  const database = files.connect()
  const log = spool(database, one)
  await spoolPublisher(log).submit(users, { id: 1 })
  const host = new Host()
  await log.start(host, SOURCE)
  await host.has(1)
  const [message] = host.messages
  await log.deadLetter('0', message!, { reason: 'constraint', table: 'users', code: '23502', message: 'why' })
  await log.acknowledge('0', [message!])
  await log.close()
  const again = spool(database, one)
  const [letter, ...none] = again.deadLetters()
  assert.equal(none, [])
  assert.is(letter!.body, message!.body)
  assert.equal(letter!.headers, message!.headers)
  assert.is(letter!.acceptedAt, message!.publishedAt)
  const { reason, table, code, message: why, position, partition } = letter!
  assert.equal(
    { reason, table, code, why, position, partition },
    { reason: 'constraint', table: 'users', code: '23502', why: 'why', position: '1', partition: 0 },
  )
  assert.is(again.stats().deadLetters, 1)
  assert.equal(again.deadLetters({ after: letter!.number }), [])
  assert.is(again.deleteDeadLetters(letter!.number), 1)
  assert.is(again.stats().deadLetters, 0)
  assert.is(again.stats().messages, 0)
  await again.close()
})

test('lag is what is not settled, and how old that is', async () => {
  const log = spool(files.connect(), { partitions: 2 })
  const publisher = spoolPublisher(log, { partitionBy: () => 'always the same' })
  await publisher.submit(events, { id: 1, name: '' })
  await publisher.submit(events, { id: 2, name: '' })
  const lags = [...(await log.lag()).values()].sort((a, b) => a.messages - b.messages)
  assert.equal(lags[0], { messages: 0, seconds: 0 })
  assert.is(lags[1]!.messages, 2)
  assert.ok(lags[1]!.seconds! >= 0 && lags[1]!.seconds! < 60)
  await log.close()
})

test('a message tells which span its rows are from', async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const log = spool(files.connect(), one)
  const publisher = spoolPublisher(log)
  const within = (id: number, act: () => unknown) => {
    const spanContext = { traceId: `${id}`.repeat(32), spanId: `${id}`.repeat(16), traceFlags: 1 }
    return context.with(trace.setSpanContext(context.active(), spanContext), act)
  }
  within(1, () => {
    void publisher.submit(users, { id: 1 })
  })
  within(2, () => publisher.submitMany(users, [{ id: 2 }, { id: 3 }]))
  await publisher.submit(users, { id: 4 })
  const host = new Host()
  await log.start(host, SOURCE)
  await host.has(4)
  assert.equal(
    host.messages.map(({ headers }) => headers['traceparent']),
    [`00-${'1'.repeat(32)}-${'1'.repeat(16)}-01`, `00-${'2'.repeat(32)}-${'2'.repeat(16)}-01`, undefined],
  )
  assert.is(host.messages[0]!.headers['batchflow-table'], 'users')
  await log.close()
  context.disable()
})

test('a spool that is closed takes no rows', async () => {
  const log = spool(files.connect())
  const publisher = spoolPublisher(log)
  const stored = publisher.submit(users, { id: 1 })
  await log.close()
  await stored
  await rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', /this spool is closed/, () =>
    publisher.submit(users, { id: 1 }),
  )
  assert.is(log.stats().state, 'closed')
  assert.throws(() => log.deadLetters(), /deadLetters\(\) after close\(\)/)
  await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', /it is closed/, () => log.start(new Host(), SOURCE))
})

test('a connection has one spool at a time', async () => {
  const database = files.connect()
  const log = spool(database)
  const error = await rejectsWith(SpoolError, 'ERR_BATCHFLOW_SPOOL', /this connection has it open already/, () =>
    spool(database),
  )
  assert.is(error.reason, 'locked')
  await log.close()
  await spool(database).close()
})

test('a refusal that nobody waits for is not swallowed, one that many wait for is told to each', async () => {
  const database = files.connect()
  const log = spool(database, one)
  const publisher = spoolPublisher(log)
  database.exec('PRAGMA max_page_count = 1') // no more than it has
  const unheard = new Promise((resolve) => process.once('unhandledRejection', resolve))
  void publisher.submit(users, { id: 1, name: 'x'.repeat(100_000) })
  assert.ok((await unheard) instanceof SpoolError)
  const fates = await Promise.allSettled([
    publisher.submit(users, { id: 1, name: 'x'.repeat(100_000) }),
    publisher.submitMany(
      users,
      Array.from({ length: 20 }, (_, id) => ({ id, name: 'x'.repeat(100_000) })),
    ),
  ])
  assert.equal(
    fates.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await log.close()
})

test('a publisher that is closed leaves the spool open', async () => {
  const log = spool(files.connect())
  const publisher = spoolPublisher(log)
  void publisher.submit(users, { id: 1 })
  await publisher.close()
  assert.is(log.stats().messages, 1)
  await rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', /closed/, () => publisher.submit(users, { id: 2 }))
  await log.close()
})

test('whoever gives up waiting is told that the row may be stored', async () => {
  const log = spool(files.connect(), one)
  const publisher = spoolPublisher(log)
  const abort = new AbortController()
  const waiting = publisher.submit(users, { id: 1 }, { signal: abort.signal })
  abort.abort(new Error('enough'))
  const error = await rejectsWith(AbortedError, 'ERR_BATCHFLOW_ABORTED', /may be stored nevertheless/, () => waiting)
  assert.is(error.accepted, true)
  const early = await rejectsWith(AbortedError, 'ERR_BATCHFLOW_ABORTED', /was not accepted/, () =>
    publisher.submit(users, { id: 2 }, { signal: abort.signal }),
  )
  assert.is(early.accepted, false)
  await log.close()
})

test('options are checked', async () => {
  const database = files.connect()
  const refused = async (act: () => unknown) => String(await thrownBy(act))
  assert.match(
    await refused(() => spool(database, { partitions: 0 })),
    /spool: partitions must be an integer from 1 to 64/,
  )
  assert.match(await refused(() => spool(database, { fsync: 1 as never })), /spool: fsync must be true or false/)
  assert.match(await refused(() => spool({} as never)), /spool: database must be a synchronous SQLite database/)
  const asynchronous = { prepare: async () => ({}), exec: () => {} }
  assert.match(await refused(() => spool(asynchronous as never)), /an asynchronous one: make it with better-sqlite3/)
  assert.match(await refused(() => spoolPublisher({} as Spool)), /spoolPublisher: spool must be made by spool\(\)/)
  const log = spool(database)
  const publisher = spoolPublisher(log)
  assert.match(await refused(() => publisher.submit({} as typeof users, { id: 1 })), /submit: table must be made by/)
  assert.match(
    await refused(() => publisher.submitMany(users, { id: 1 } as never)),
    /submitMany: rows must be an array/,
  )
  await rejectsWith(InvalidRowError, 'ERR_BATCHFLOW_ROW', /column "id"/, () =>
    publisher.submit(users, { id: (() => 1) as never }),
  )
  await log.close()
})

test.run()
