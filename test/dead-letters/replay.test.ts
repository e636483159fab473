import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { deletion } from '../../src/contract/deletion.ts'
import { ClosedError } from '../../src/contract/errors.ts'
import { defineTable } from '../../src/contract/table.ts'
import { deadLetterFile } from '../../src/dead-letters/dead-letter-file.ts'
import { DeadLetterFileError } from '../../src/dead-letters/errors.ts'
import { replayDeadLetters } from '../../src/dead-letters/replay.ts'
import type { ReplayProgress } from '../../src/dead-letters/replay-options.ts'
import { segmentsOf } from '../../src/dead-letters/segments.ts'
import type { BatchFlowOptions } from '../../src/flow/options.ts'
import { OptionError } from '../../src/support/batchflow-error.ts'
import { rejectsWith } from '../support/assertions.ts'
import { idsIn, letter, letters, temporaryFolder } from '../support/dead-letters/files.ts'
import { settled } from '../support/engine/clock.ts'
import { type Rig, rig } from '../support/engine/flow.ts'
import { committing, MemoryDriver, MemoryError, type Run } from '../support/engine/memory-driver.ts'
import { ids, type User, updated, user, users } from '../support/engine/tables.ts'

const test = suite('replayDeadLetters')
const folder = temporaryFolder(test)
const CODE = 'ERR_BATCHFLOW_DEAD_LETTER_FILE'
let made = 0

/** A path of its own for each test, with the letters of so many users in small files. */
async function lettersAt(count: number, maxBytes = 1000): Promise<string> {
  const path = join(folder.path, `${++made}.ndjson`)
  const file = deadLetterFile(path, { maxBytes, fsync: false })
  for (const one of letters(0, count)) await file([one])
  return path
}

/** A flow whose database refuses these users. */
function refusing(refused: readonly number[], options: BatchFlowOptions = {}): Rig {
  const driver = new MemoryDriver((run) => {
    const failed = run.rows.flatMap((row, index) => (refused.includes((row as User).id!) ? [index] : []))
    run.succeed(failed.map((index) => ({ index, error: new MemoryError('invalid_data') })))
  })
  return rig({ flushSize: 10, deadLetter: () => {}, ...options }, undefined, driver)
}

const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i)

/** Letters beside `path`, oldest first. */
async function kept(path: string): Promise<number[]> {
  const files = [...(await segmentsOf(path)), path].filter(existsSync)
  return files.flatMap(idsIn)
}

test('rows are submitted in order, from all files, and nothing is left of those', async () => {
  const path = await lettersAt(25)
  assert.ok((await segmentsOf(path)).length > 2)
  const { flow, driver } = rig({ flushSize: 10 }, undefined, committing())
  const summary = await replayDeadLetters(path, flow, [users])
  assert.equal(summary, { read: 25, committed: 25, failed: 0, kept: 0, torn: 0, remaining: 0 })
  assert.equal(ids(driver.committed), range(0, 25))
  assert.equal(driver.committed[0], user(0))
  assert.equal(await segmentsOf(path), [])
  for (const file of [path, `${path}.replay`, `${path}.torn`]) assert.not(existsSync(file))
})

test('without letters there is nothing to do', async () => {
  const { flow } = rig()
  const summary = await replayDeadLetters(join(folder.path, 'none'), flow, [users])
  assert.equal(summary, { read: 0, committed: 0, failed: 0, kept: 0, torn: 0, remaining: 0 })
})

test('what fails again is kept with its new reason', async () => {
  const path = await lettersAt(12)
  const { flow } = refusing([3, 7])
  const summary = await replayDeadLetters(path, flow, [users])
  assert.equal(summary, { read: 12, committed: 10, failed: 2, kept: 0, torn: 0, remaining: 2 })
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  assert.equal(
    lines.map((line) => [JSON.parse(line).reason, JSON.parse(line).row]),
    [
      ['invalid_data', user(3)],
      ['invalid_data', user(7)],
    ],
  )
  assert.is(statSync(path).mode & 0o777, 0o600)
})

test('what the handler of the flow has written to the same file is not written twice', async () => {
  const path = await lettersAt(12)
  const file = deadLetterFile(path)
  const { flow } = refusing([3, 7], { deadLetter: async (letters) => file(letters) })
  assert.is((await replayDeadLetters(path, flow, [users])).failed, 2)
  assert.equal(await kept(path), [3, 7])
})

test('nor is a row that was merged into another one', async () => {
  const path = join(folder.path, 'merged')
  const file = deadLetterFile(path)
  const halves = [{ id: 1, name: 'a' }, { id: 1, email: 'b' }, { id: 2 }]
  await file(halves.map((row) => letter(0, { table: 'updated', row })))
  const { flow } = refusing([1, 2], { deadLetter: file })
  assert.is((await replayDeadLetters(path, flow, [updated])).failed, 3)
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  const rows = lines.map((line) => JSON.parse(line).row)
  assert.equal(rows, [{ id: 1, name: 'a', email: 'b' }, { id: 2 }])
})

test('letters that come meanwhile are left for the next time', async () => {
  const path = await lettersAt(3)
  const file = deadLetterFile(path)
  const { flow, driver } = rig({ flushSize: 10 })
  const replay = replayDeadLetters(path, flow, [users])
  const run = await runOf(driver, 0)
  await file([letter(9)])
  run.succeed()
  assert.is((await replay).committed, 3)
  assert.equal(await kept(path), [9])
})

/** The nth attempt, once it is there: files are read in between. */
async function runOf(driver: MemoryDriver, nth: number): Promise<Run> {
  while (driver.runs[nth] === undefined) await settled()
  return driver.runs[nth]!
}

test('torn lines are counted and put aside', async () => {
  const path = await lettersAt(2, 10_000)
  const scraps = ['{"v":1,"table":"us', 'no JSON', String.fromCharCode(0, 0)]
  appendFileSync(path, `${scraps[0]}\n${scraps[1]}\n\n`)
  appendFileSync(path, Buffer.from([0xff, 0xfe, 10]))
  await deadLetterFile(path)([letter(2)])
  appendFileSync(path, scraps[2]!)
  const { flow } = rig({ flushSize: 10 }, undefined, committing())
  const summary = await replayDeadLetters(path, flow, [users])
  assert.equal(summary, { read: 7, committed: 3, failed: 0, kept: 0, torn: 4, remaining: 0 })
  const torn = [`${scraps[0]}\n`, `${scraps[1]}\n`, Buffer.from([0xff, 0xfe, 10]), `${scraps[2]}\n`]
  assert.equal(readFileSync(`${path}.torn`), Buffer.concat(torn.map((part) => Buffer.from(part))))
})

test('lines longer than what is read at once are read', async () => {
  const path = join(folder.path, 'long')
  const long = (id: number) => ({ id, name: 'é'.repeat(100_000), email: `${id}` })
  for (const id of range(0, 5)) await deadLetterFile(path)([letter(id, { row: long(id) })])
  const { flow, driver } = rig({ flushSize: 10 }, undefined, committing())
  await replayDeadLetters(path, flow, [users])
  assert.equal(driver.committed, range(0, 5).map(long))
})

test('an unknown table stops the replay, and what came before it is done', async () => {
  const path = join(folder.path, 'unknown')
  const file = deadLetterFile(path)
  await file([letter(1), letter(2, { table: 'other' }), letter(3)])
  const { flow, driver } = rig({ flushSize: 10 }, undefined, committing())
  const message = `a letter of ${path} is of table "other", which was not given`
  await rejectsWith(DeadLetterFileError, CODE, message, () => replayDeadLetters(path, flow, [users]))
  assert.equal(ids(driver.committed), [1])
  const other = defineTable<User>('elsewhere', { columns: ['id'] })
  const summary = await replayDeadLetters(path, flow, { users, other })
  assert.is(summary.committed, 2)
  assert.equal(ids(driver.committed).sort(), [1, 2, 3])
})

test('or its letters are kept as they are', async () => {
  const path = join(folder.path, 'unknown-kept')
  await deadLetterFile(path)([letter(1), letter(2, { table: 'other' }), letter(3)])
  const line = readFileSync(path, 'utf8').split('\n')[1]
  const { flow } = rig({ flushSize: 10 }, undefined, committing())
  const summary = await replayDeadLetters(path, flow, [users], { unknownTable: 'keep' })
  assert.equal(summary, { read: 3, committed: 2, failed: 0, kept: 1, torn: 0, remaining: 1 })
  assert.is(readFileSync(path, 'utf8'), `${line}\n`)
})

test('a letter of a later version stops the replay', async () => {
  const path = join(folder.path, 'later')
  writeFileSync(path, '{"v":3}\n')
  const message = `a letter of ${path} is from a later version of batchflow-otel`
  await rejectsWith(DeadLetterFileError, CODE, message, () => replayDeadLetters(path, rig().flow, [users]))
})

test('rows that may be there already are kept, unless a conflict action makes that harmless', async () => {
  const path = join(folder.path, 'ambiguous')
  const file = deadLetterFile(path)
  await file([letter(1, { ambiguous: true }), letter(2, { ambiguous: true, table: 'updated' })])
  const { flow, driver } = rig({ flushSize: 10 }, undefined, committing())
  assert.is((await replayDeadLetters(path, flow, [users, updated])).kept, 1)
  assert.equal(ids(driver.committed), [2])
  assert.is((await replayDeadLetters(path, flow, [users], { ambiguous: 'submit' })).committed, 1)
  assert.equal(ids(driver.committed), [2, 1])
})

test('a row that is not whole is kept', async () => {
  const path = join(folder.path, 'missing')
  await deadLetterFile(path)([letter(1, { row: { id: 1, name: () => 'call' } })])
  const { flow, driver } = rig({ flushSize: 10 }, undefined, committing())
  assert.is((await replayDeadLetters(path, flow, [users])).kept, 1)
  assert.is(driver.runs.length, 0)
})

test('a row that cannot be accepted has failed, and is kept as it is', async () => {
  const path = join(folder.path, 'unreadable')
  await deadLetterFile(path)([letter(1, { table: 'updated', row: { id: new Map() } })])
  const line = readFileSync(path, 'utf8')
  const { flow } = rig({ flushSize: 10 }, undefined, committing())
  assert.is((await replayDeadLetters(path, flow, [updated])).failed, 1)
  assert.is(readFileSync(path, 'utf8'), line)
})

test('a flow that was aborted stops it, and its rows stay', async () => {
  const path = await lettersAt(3)
  const { flow } = rig({ signal: AbortSignal.abort() })
  await rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', /closed/, () => replayDeadLetters(path, flow, [users]))
  assert.equal(await kept(path), [0, 1, 2])
})

test('progress that cannot be read is none', async () => {
  const path = await lettersAt(3)
  writeFileSync(`${path}.replay`, '{"v":1,"segm')
  const { flow } = rig({ flushSize: 10 }, undefined, committing())
  assert.is((await replayDeadLetters(path, flow, [users])).committed, 3)
})

test('no more rows are under way than the window has room for, and progress is told', async () => {
  const path = await lettersAt(20, 100_000)
  const { flow, driver } = rig({ flushSize: 100 })
  const told: ReplayProgress[] = []
  const onProgress = (progress: ReplayProgress) => {
    told.push(progress)
    throw new Error('mine')
  }
  const replay = replayDeadLetters(path, flow, [users], { window: 8, onProgress })
  const sizes: number[] = []
  for (let rows = 0, nth = 0; rows < 20; nth++) {
    const run = await runOf(driver, nth)
    rows += run.rows.length
    sizes.push(run.rows.length)
    run.succeed()
  }
  assert.is((await replay).committed, 20)
  assert.is(sizes[0], 8)
  assert.ok(sizes.every((size) => size <= 8))
  assert.ok(told.length >= 3)
  assert.equal(told.at(-1), { read: 20, committed: 20, failed: 0, kept: 0, torn: 0 })
})

test('its signal ends it in order; the next replay submits the rest and nothing else', async () => {
  const path = await lettersAt(30)
  const abort = new AbortController()
  const { flow, driver } = refusing([2])
  const onProgress = () => abort.abort()
  const options = { window: 8, onProgress, signal: abort.signal }
  const { read, committed, failed, remaining } = await replayDeadLetters(path, flow, [users], options)
  assert.is(failed, 1)
  assert.is(committed, read - 1)
  assert.is(remaining, 30 - committed)
  assert.ok(remaining > 15)
  assert.equal(Object.keys(JSON.parse(readFileSync(`${path}.replay`, 'utf8'))), ['v', 'segment', 'offset'])
  const again = await replayDeadLetters(path, flow, [users])
  assert.is(again.committed, remaining - 1)
  assert.equal(
    ids(driver.committed),
    range(0, 30).filter((id) => id !== 2),
  )
  assert.equal(await kept(path), [2])
})

test('a signal that is aborted already leaves everything', async () => {
  const path = await lettersAt(7)
  const { flow } = rig()
  const summary = await replayDeadLetters(path, flow, [users], { signal: AbortSignal.abort() })
  assert.equal(summary, { read: 0, committed: 0, failed: 0, kept: 0, torn: 0, remaining: 7 })
  assert.not(existsSync(`${path}.replay`))
})

test('a flow that is closed stops it; rows it gave up are kept as ambiguous, the others stay', async () => {
  const path = await lettersAt(20, 100_000)
  const { flow, driver, clock } = rig({ flushSize: 5, bufferSize: 5 }, (executor) => executor.withConcurrencyLimit(1))
  const replay = replayDeadLetters(path, flow, [users])
  const run = await runOf(driver, 0)
  run.signal.addEventListener('abort', () => run.fail(new Error('cancelled')))
  const close = flow.close({ timeout: 10 })
  await clock.advance(10)
  await rejectsWith(ClosedError, 'ERR_BATCHFLOW_CLOSED', /closed/, () => replay)
  await close
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  assert.equal(
    lines.map((line) => JSON.parse(line).ambiguous),
    Array(5).fill(true),
  )
  assert.equal(idsIn(path), range(0, 5))
  const next = rig({ flushSize: 10 }, undefined, committing())
  const { committed, kept: left } = await replayDeadLetters(path, next.flow, [users])
  assert.equal([committed, left], [15, 5])
})

test('there is one replay of a file at a time', async () => {
  const path = await lettersAt(1)
  const { flow, driver } = rig({ flushSize: 1 })
  const replay = replayDeadLetters(path, flow, [users])
  const message = `${path} is being replayed already`
  await rejectsWith(DeadLetterFileError, CODE, message, () => replayDeadLetters(path, flow, [users]))
  const run = await runOf(driver, 0)
  run.succeed()
  await replay
})

test('also among processes, as long as the other one lives', async () => {
  const path = await lettersAt(1)
  const { flow } = rig({ flushSize: 1 }, undefined, committing())
  writeFileSync(`${path}.replay`, JSON.stringify({ pid: process.ppid, host: hostname() }))
  const message = `process ${process.ppid} replays ${path} already; if it does not, delete ${path}.replay`
  await rejectsWith(DeadLetterFileError, CODE, message, () => replayDeadLetters(path, flow, [users]))
  writeFileSync(`${path}.replay`, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }))
  assert.is((await replayDeadLetters(path, flow, [users])).committed, 1)
})

test('what it is given is checked', async () => {
  const { flow } = rig()
  const cases = [
    [['', flow, [users]], 'replayDeadLetters: path must be a non-empty string, received ""'],
    [['x', {}, [users]], 'replayDeadLetters: flow must be a BatchFlow with a method write(), received an object'],
    [['x', flow, users.name], 'replayDeadLetters: tables must be an object, received "users"'],
    [['x', flow, ['users']], 'replayDeadLetters: tables must be made by defineTable(), received "users"'],
    [['x', flow, { users: 1 }], 'replayDeadLetters: tables: users must be made by defineTable(), received 1'],
    [['x', flow, [users, users]], 'replayDeadLetters: tables has "users" twice'],
    [['x', flow, [users], { window: 0 }], 'replayDeadLetters: window must be an integer of at least 1, received 0'],
    [
      ['x', flow, [users], { ambiguous: 'no' }],
      'replayDeadLetters: ambiguous must be one of submit, keep, received "no"',
    ],
  ] as const
  for (const [args, message] of cases) {
    const act = () => replayDeadLetters(...(args as unknown as Parameters<typeof replayDeadLetters>))
    await rejectsWith(OptionError, 'ERR_BATCHFLOW_OPTION', message, act)
  }
})

test('deletions come back in order with rows, those too that may have been carried out', async () => {
  const path = join(folder.path, `${++made}.ndjson`)
  const file = deadLetterFile(path, { fsync: false })
  await file([{ ...letter(1), table: 'people' }])
  await file([{ ...letter(2), table: 'people', row: deletion({ id: 2 }), ambiguous: true }])
  const sums = defineTable<User>('people', {
    columns: ['id', 'name', 'email'],
    onConflict: { action: 'update', keys: ['id'], set: { name: 'add' } },
    deletes: true,
  })
  const { flow, driver } = rig({ flushSize: 10 }, undefined, committing())
  assert.is((await replayDeadLetters(path, flow, [sums])).committed, 2)
  assert.equal(driver.committed, [deletion({ id: 2 }), user(1)])
  await file([{ ...letter(3), table: 'updated', row: deletion({ id: 3 }) }])
  assert.is((await replayDeadLetters(path, flow, [updated])).failed, 1, 'a table that takes none')
})

test.run()
